//! The flags of `hvmap run` as a plan.

use super::Args;
use crate::{
    cli::{CliError, area_args, command_line, hints, notices::Told, terminal},
    run::{DEMO_IMAGERY, DEMO_MODEL, Plan, ScoringSettings},
};

/// Resolves the arguments.
///
/// # Errors
/// Whatever makes the run impossible, each with a hint.
pub fn plan(args: &Args) -> Result<Plan, CliError> {
    let imagery = if args.demo {
        Some(DEMO_IMAGERY.to_owned())
    } else {
        args.imagery.imagery.clone()
    };
    let mut model = args.model.clone();
    if args.demo {
        model.models = vec![DEMO_MODEL.to_owned()];
    }
    let imagery = configured(imagery, &model.models)?;
    let scan = args.scan.settings()?;
    let area = area_args::covered(args.area.resolve()?, args.zoom)?;
    area_args::announce(area.area());
    terminal::note(format_args!(
        "plan: {} tiles at zoom {}",
        terminal::grouped(area.cover().count()),
        area.cover().zoom()
    ));
    let imagery = args.imagery.settings.for_run(&imagery)?;
    let model = model.load()?;
    let scoring = ScoringSettings {
        threshold: args.scoring.threshold,
        keep_threshold: args.scoring.keep_threshold,
        keep_images: args.scoring.keep_images,
        allow_synthetic_model: args.scoring.allow_synthetic_model,
    };
    let plan =
        Plan::new(area, imagery, model, &scan, &scoring, &mut Told).map_err(hints::run::explain)?;
    say_sources(&plan);
    Ok(plan)
}

/// The imagery, unless imagery or model is missing: then how to get going.
fn configured(imagery: Option<String>, models: &[String]) -> Result<String, CliError> {
    let missing = match (&imagery, models) {
        (Some(_), [_, ..]) => None,
        (None, []) => Some("no imagery and no model are configured"),
        (None, _) => Some("no imagery is configured"),
        (Some(_), []) => Some("no model is configured"),
    };
    let imagery_is_missing = imagery.is_none();
    match (imagery, missing) {
        (Some(imagery), None) => Ok(imagery),
        (_, missing) => {
            let mut command = command_line::to_paste();
            if imagery_is_missing {
                command.push_str(" --imagery imagery.mbtiles");
            }
            if models.is_empty() {
                command.push_str(" --model model.onnx");
            }
            Err(
                CliError::new(missing.unwrap_or("no imagery is configured")).hint(format!(
                    "the demo draws its own imagery and brings a model that knows it:\n  \
                     hvmap run --country san-marino --zoom 18 --demo\n\
                     your own imagery and model:\n  \
                     {command}\n\
                     or set them once in hvmap.toml, here or in ~/.config/hvmap:\n  \
                     [run]\n  \
                     imagery = \"imagery.mbtiles\"\n  \
                     model = \"model.onnx\""
                )),
            )
        }
    }
}

fn say_sources(plan: &Plan) {
    let (imagery, model) = (plan.imagery(), plan.model());
    let credit = match imagery.attribution.as_str() {
        "" => "no attribution known",
        attribution => attribution,
    };
    terminal::note(format_args!("imagery: {} ({credit})", imagery.name));
    if let Some(terms) = &imagery.terms {
        terminal::note(format_args!("terms: {terms}"));
    }
    terminal::note(format_args!("model: {}, {}", model.name, model.engine));
}
