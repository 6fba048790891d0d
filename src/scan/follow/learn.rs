//! What an outcome changes.

use super::{
    blocks::index_of,
    calibration::Class,
    hits::Hit,
    located::Spot,
    net::Net,
    order::Answers,
    pursuit::{LoneHit, Pursuit},
    side::Side,
    track::TrackKind,
};
use crate::tiles::TileOutcome;

/// A hit of the net is one that was expected less than this.
const BY_NET: f32 = 0.1;
/// A second track takes part in a hit if it expected at least this share of what the first did.
const ALSO_EXPECTED: f32 = 0.8;
/// A hit goes on a track's line if that explains it with this chance.
const EXPLAINED: f32 = 0.05;

/// A track's claim on a tile that was answered.
struct Claim {
    track: u32,
    class: Class,
    side: Side,
    /// The chance of a hit before it was corrected by experience.
    raw: f32,
    /// The same, as it was predicted.
    expected: f32,
    /// The same if tracks were fully trusted there.
    expected_trusted: f32,
}

/// Learns from the answers of a unit, whatever scan asked for it. A score of at least `threshold` is
/// a hit.
pub(super) fn learn(pursuit: &mut Pursuit<'_>, net: &Net, threshold: f32, answers: &Answers) {
    let Answers { outcome, spots } = answers;
    let Some(block) = pursuit.belief.blocks.number(outcome.block) else {
        return;
    };
    let mut touched = Vec::new();
    for (tile, answer) in outcome.iter() {
        let (x, y) = (i64::from(tile.x), i64::from(tile.y));
        let index = index_of(x, y);
        pursuit.belief.blocks.answer(block, index);
        let mut claims = take_claims(pursuit, x, y);
        touched.extend(claims.iter().map(|claim| claim.track));
        let hit = match answer {
            TileOutcome::Scored(score) => Some(score >= threshold),
            // Says nothing about a tower.
            _ => None,
        };
        if let Some(hit) = hit {
            count(pursuit, x, y, block, &claims, hit);
            if hit {
                let spot = spots.iter().find(|&&(of, _)| of == index);
                let spot = spot.map(|&(_, spot)| spot);
                pursuit.belief.blocks.hit(block, index);
                follow_hit(pursuit, net.level_laid(block), (x, y), spot, &mut claims);
            }
        }
        settle_claims(pursuit, x, y, hit, &claims);
    }
    pursuit.belief.fit_around(block, &outcome.wanted);
    touched.sort_unstable();
    touched.dedup();
    for number in touched {
        if let Some(track) = pursuit.queue.track_mut(number) {
            track.settle();
        }
        pursuit.enqueue(number);
    }
}

/// The tracks that claim a tile, and how much each of them expects a hit there.
fn take_claims(pursuit: &mut Pursuit<'_>, x: i64, y: i64) -> Vec<Claim> {
    let numbers = pursuit.queue.take_claims(x, y);
    let claim = |number: u32| {
        let track = pursuit.queue.track(number)?;
        let cell = &track.cells[track.cell_at(x, y)?];
        let predictor = pursuit.belief.predictor(track);
        let expected = predictor.chance(cell);
        Some(Claim {
            track: number,
            class: predictor.class,
            side: cell.side,
            raw: predictor.raw(cell),
            expected,
            expected_trusted: expected / pursuit.belief.trust(track),
        })
    };
    numbers.into_iter().filter_map(claim).collect()
}

/// Counts what a tile tells of predictions and of its place.
fn count(pursuit: &mut Pursuit<'_>, x: i64, y: i64, block: u32, claims: &[Claim], hit: bool) {
    let belief = &mut pursuit.belief;
    let most = |of: fn(&Claim) -> f32| claims.iter().map(of).fold(0.0, f32::max);
    let all = most(|claim| claim.expected) + belief.rate(x, y, 0.0);
    for claim in claims {
        let seen = f32::from(hit) * claim.expected / all;
        belief
            .calibration
            .count(claim.class, claim.side, claim.raw, seen);
        if claim.class.kind == TrackKind::Beside {
            belief.beside_rates.count(block, hit);
        }
    }
    let trusted = most(|claim| claim.expected_trusted);
    belief.count(x, y, trusted, hit);
}

/// Follows a hit: on the lines of the tracks that claim its tile, through it, and beside it.
/// `net_level` is the level of the net that was laid there last.
fn follow_hit(
    pursuit: &mut Pursuit<'_>,
    net_level: u8,
    (x, y): (i64, i64),
    spot: Option<Spot>,
    claims: &mut [Claim],
) {
    claims.sort_by(|a, b| {
        b.expected
            .total_cmp(&a.expected)
            .then(a.track.cmp(&b.track))
    });
    let belief = &mut pursuit.belief;
    let expected = claims.first().map_or(0.0, |claim| claim.expected);
    let rate = belief.rate(x, y, 0.0);
    let own = rate / (expected + rate);
    let leader = claims
        .first()
        .and_then(|claim| pursuit.queue.track(claim.track));
    let level = leader.map_or(net_level, |track| track.level);
    let beside = leader.filter(|track| track.kind == TrackKind::Beside);
    let parallel = beside.and_then(|track| belief.hits.bearing(track.x, track.y));
    let by_net = expected < BY_NET && beside.is_none();
    belief.hits.insert(x, y, Hit::new(own, spot, by_net, level));

    let mut lone = 1.0;
    let mut lone_evidence = belief.net_yield.tower_rate() * belief.recall();
    let mut best = 0.0f32;
    for (position, claim) in claims.iter().enumerate() {
        let (number, expected) = (claim.track, claim.expected);
        let Some(track) = pursuit.queue.track(number) else {
            continue;
        };
        if track.kind.is_of_tiles() {
            lone_evidence = f32::max(lone_evidence, expected);
            continue;
        }
        let explained = expected / (expected + rate);
        if explained < EXPLAINED || position > 0 && expected < ALSO_EXPECTED * claims[0].expected {
            continue;
        }
        let real = pursuit.belief.real(track) / track.share.max(1e-6);
        best = best.max(explained * real.max(explained));
        pursuit.extend(number, x, y, explained, expected / real.max(1e-3) / rate);
        lone *= 1.0 - explained;
        pursuit.queue.pass(number, x, y, explained);
    }
    let lone_odds = lone_evidence / pursuit.belief.rate(x, y, own);
    if lone > 0.3 {
        let hit = LoneHit {
            evidence: lone_evidence,
            share: lone,
            level,
            parallel,
        };
        pursuit.look_through(x, y, &hit);
    }
    let real = best.max(lone * lone_odds / (1.0 + lone_odds));
    pursuit.look_beside(x, y, real, level);
}

/// Weighs the lines of the tracks that claimed a tile by its answer, if that says anything.
fn settle_claims(pursuit: &mut Pursuit<'_>, x: i64, y: i64, hit: Option<bool>, claims: &[Claim]) {
    let recall = pursuit.belief.recall();
    let likelier = pursuit.belief.likelier(pursuit.belief.rate(x, y, 0.0));
    for claim in claims {
        let Some(track) = pursuit.queue.track_mut(claim.track) else {
            continue;
        };
        let Some(at) = track.cell_at(x, y) else {
            continue;
        };
        track.out = track.out.saturating_sub(1);
        let cell = track.cells.swap_remove(at);
        match hit {
            Some(true) if track.kind != TrackKind::Beside => track.meet(cell.lines, likelier),
            Some(false) => track.reweigh(cell.lines, 1.0 - recall),
            _ => {}
        }
    }
}
