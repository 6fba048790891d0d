use std::collections::BTreeMap;

use super::*;

fn name_of(given: &str) -> String {
    of_names(&[given]).unwrap().label
}

#[test]
fn a_country_is_found_by_names_codes_and_aliases() {
    for (given, expected) in [
        ("pakistan", "Pakistan"),
        ("PAKISTAN", "Pakistan"),
        ("pk", "Pakistan"),
        ("Pak", "Pakistan"),
        ("586", "Pakistan"),
        ("36", "Australia"),
        ("004", "Afghanistan"),
        ("4", "Afghanistan"),
        ("ivory coast", "Côte d'Ivoire"),
        ("Cote d’Ivoire", "Côte d'Ivoire"),
        ("cotedivoire", "Côte d'Ivoire"),
        ("côte-d'ivoire", "Côte d'Ivoire"),
        ("dr congo", "Democratic Republic of the Congo"),
        ("Burma", "Myanmar"),
        ("uk", "United Kingdom"),
        ("usa", "United States of America"),
        ("the united states", "United States of America"),
        ("holland", "Netherlands"),
        ("The Gambia", "Gambia"),
        ("Türkiye", "Turkey"),
        ("san-marino", "San Marino"),
        ("SÃO TOMÉ AND PRÍNCIPE", "São Tomé and Príncipe"),
        ("bosnia & herzegovina", "Bosnia and Herzegovina"),
        ("XK", "Kosovo"),
        ("somaliland", "Somaliland"),
        ("Deutschland", "Germany"),
        ("reunion", "Réunion"),
        ("Åland", "Åland"),
        ("aland islands", "Åland"),
        ("curacao", "Curaçao"),
        ("thailand", "Thailand"),
    ] {
        assert_eq!(name_of(given), expected, "{given}");
    }
}

#[test]
fn a_misspelt_country_brings_suggestions() {
    let error = of_names(&["pakstan"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown country \"pakstan\" (did you mean Pakistan?)"
    );
    let error = of_names(&["qqqqqqqq"]).unwrap_err();
    assert_eq!(error.to_string(), "unknown country \"qqqqqqqq\"");
}

#[test]
fn a_shared_name_is_not_guessed() {
    let error = of_names(&["congo"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"congo\" is the name of several countries (it could be Democratic Republic of the Congo \
         or Republic of the Congo)"
    );
}

#[test]
fn the_vatican_is_too_small() {
    let error = of_names(&["vatican"]).unwrap_err();
    assert!(matches!(error, AreaError::EmptyCountry { .. }), "{error}");
}

#[test]
fn every_name_and_code_means_one_place() {
    let index = Index::load().unwrap();
    let mut owner: BTreeMap<String, &str> = BTreeMap::new();
    for place in &index.places {
        for key in place.keys() {
            let folded = names::folded(key);
            assert!(!folded.is_empty(), "{key}");
            let earlier = owner.insert(folded, place.name);
            assert!(
                earlier.is_none_or(|name| name == place.name),
                "{key} is both {earlier:?} and {}",
                place.name
            );
        }
    }
    assert!(index.places.len() > 250);
}

#[test]
fn every_boundary_can_be_covered() {
    let index = Index::load().unwrap();
    for place in &index.places {
        let area = match of_names(&[place.name]) {
            Ok(area) => area,
            Err(AreaError::EmptyCountry { name }) => {
                assert_eq!(name, "Vatican City");
                continue;
            }
            Err(error) => panic!("{}: {error}", place.name),
        };
        assert!(area.cover(8).unwrap().count() > 0, "{}", place.name);
    }
}

#[test]
fn overseas_territories_are_pointed_out() {
    let france = of_names(&["France"]).unwrap();
    let warning = france.warnings.last().unwrap();
    assert!(warning.to_string().contains("French Guiana"), "{warning}");
    assert!(
        matches!(warning, AreaWarning::FarParts { rest: Some(rest), .. }
            if rest == "Metropolitan France"),
        "{warning:?}"
    );
    let metropolitan = of_names(&["metropolitan france"]).unwrap();
    assert_eq!(metropolitan.warnings, []);
    assert!(metropolitan.cover(12).unwrap().count() < france.cover(12).unwrap().count());
}

#[test]
fn a_country_given_twice_counts_once() {
    let area = of_names(&["LS", "lesotho"]).unwrap();
    assert_eq!(area.label, "Lesotho");
}
