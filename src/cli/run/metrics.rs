//! Prometheus metrics of a run.

use std::net::SocketAddr;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::{cli::CliError, pipeline::Progress, telemetry::StageReport, tiles::TileState};

/// Starts to serve metrics at an address.
pub fn serve(address: SocketAddr) -> Result<(), CliError> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .map_err(|error| {
            CliError::from(error)
                .context(format!("cannot serve metrics at {address}"))
                .hint("is another run using this address? name another one with --metrics")
        })?;
    describe_gauge!("hvmap_tiles", "Tiles of the plan in each state");
    describe_counter!(
        "hvmap_hits_total",
        "Tiles at or above the threshold since this start"
    );
    describe_gauge!(
        "hvmap_stage_share",
        "Share of its threads' life that a stage was busy, waiting or blocked, 0 to 1"
    );
    Ok(())
}

/// Publishes where the run is.
pub fn publish(progress: &Progress, stages: &[StageReport]) {
    for &state in TileState::ALL {
        gauge!("hvmap_tiles", "state" => state.name()).set(progress.counts.get(state) as f64);
    }
    counter!("hvmap_hits_total").absolute(progress.hits);
    for stage in stages {
        for (activity, share) in [
            ("busy", stage.busy),
            ("waiting", stage.waiting),
            ("blocked", stage.blocked),
        ] {
            gauge!("hvmap_stage_share", "stage" => stage.name, "activity" => activity).set(share);
        }
    }
}
