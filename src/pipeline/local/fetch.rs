//! The threads that fetch units from the imagery source.

use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

use super::{Answer, FetchedTile, Kept, Shared, TileAnswer};
use crate::{
    imagery::{Fetched, ImagerySource},
    telemetry::Activity,
    tiles::{BlockCoord, TileCoord, TileOutcome, TileState, WorkUnit},
};

pub(super) struct Fetcher {
    source: Arc<dyn ImagerySource>,
    units: Receiver<WorkUnit>,
    tiles: Sender<FetchedTile>,
    shared: Shared,
}

impl Fetcher {
    pub(super) fn new(
        source: Arc<dyn ImagerySource>,
        units: Receiver<WorkUnit>,
        tiles: Sender<FetchedTile>,
        shared: Shared,
    ) -> Self {
        Self {
            source,
            units,
            tiles,
            shared,
        }
    }

    /// Fetches units until there are no more, or the run stops.
    pub(super) fn run(self) {
        let stages = Arc::clone(&self.shared.stages);
        loop {
            let unit = stages.fetch.time(Activity::Waiting, || self.units.recv());
            let Ok(unit) = unit else { return };
            if self.shared.stop.load(Ordering::Relaxed) || self.fetch(&unit).is_break() {
                return;
            }
        }
    }

    fn fetch(&self, unit: &WorkUnit) -> ControlFlow<()> {
        let start = Instant::now();
        let mut blocked = Duration::ZERO;
        let mut missing = unit.wanted.clone();
        let result = self.source.fetch(unit, &mut |tile, fetched| {
            let index = BlockCoord::index_of(tile);
            debug_assert!(BlockCoord::of(tile) == unit.block && missing.contains(index));
            missing.remove(index);
            let emitting = Instant::now();
            let flow = self.emit(unit.sequence, index, tile, fetched);
            blocked += emitting.elapsed();
            flow
        });
        let stage = &self.shared.stages.fetch;
        stage.add(Activity::Blocked, blocked);
        stage.add(Activity::Busy, start.elapsed().saturating_sub(blocked));
        if let Err(error) = result {
            // Nobody listens any more when the run is already ending.
            let _ = self.shared.answers.send(Answer::Fatal(error.into()));
            return ControlFlow::Break(());
        }
        if self.shared.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        for index in missing.iter() {
            let tile = unit.block.tile(index);
            let reason = "the source gave no answer";
            self.settle(unit.sequence, index, tile, TileOutcome::FetchFailed, reason)?;
        }
        ControlFlow::Continue(())
    }

    /// Sends a tile to the workers, or its outcome straight back when there is nothing to decode.
    fn emit(
        &self,
        sequence: u64,
        index: u16,
        tile: TileCoord,
        fetched: Fetched,
    ) -> ControlFlow<()> {
        if self.shared.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        match fetched {
            Fetched::NoImagery => self.settle(sequence, index, tile, TileOutcome::NoImagery, ""),
            Fetched::Undecodable(reason) => {
                self.settle(sequence, index, tile, TileOutcome::Undecodable, &reason)
            }
            Fetched::Failed(failure) => self.settle(
                sequence,
                index,
                tile,
                TileOutcome::FetchFailed,
                &failure.reason,
            ),
            Fetched::Payload(_) | Fetched::Pixels(_) => {
                let sent = self.tiles.send(FetchedTile {
                    sequence,
                    index,
                    tile,
                    fetched,
                });
                if sent.is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }
        }
    }

    fn settle(
        &self,
        sequence: u64,
        index: u16,
        tile: TileCoord,
        outcome: TileOutcome,
        reason: &str,
    ) -> ControlFlow<()> {
        if outcome.state() != TileState::NoImagery {
            self.shared.trouble.note(outcome.state(), tile, reason);
        }
        let sent = self.shared.answers.send(Answer::Tiles(vec![TileAnswer {
            sequence,
            index,
            outcome,
            stage: None,
            kept: Kept::Nothing,
        }]));
        if sent.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}
