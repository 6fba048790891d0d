//! The bytes of an outcome.
//!
//! A blob is one Zstandard frame over: the wanted mask (512 bytes, see
//! [`TileMask::to_bytes`]), one state number a wanted tile, and the scores of the scored tiles as
//! four planes: all lowest bytes of the little-endian f32s first, all highest bytes last. Split
//! so, the slowly varying exponents lie together and compress.

use crate::tiles::{BLOCK_TILES, TileMask, TileOutcome, TileState};

const LEVEL: i32 = 3;
const MASK_BYTES: usize = BLOCK_TILES / 8;
/// The most bytes in a frame: a whole block, all scored.
const FRAME_BYTES_MAX: usize = MASK_BYTES + BLOCK_TILES * 5;

pub(super) fn encode(wanted: &TileMask, tiles: &[TileOutcome]) -> std::io::Result<Vec<u8>> {
    debug_assert_eq!(wanted.count(), tiles.len());
    let scores: Vec<[u8; 4]> = tiles
        .iter()
        .filter_map(|tile| tile.score().map(f32::to_le_bytes))
        .collect();
    let mut plain = Vec::with_capacity(MASK_BYTES + tiles.len() + 4 * scores.len());
    plain.extend_from_slice(&wanted.to_bytes());
    plain.extend(tiles.iter().map(|tile| tile.state() as u8));
    for plane in 0..4 {
        plain.extend(scores.iter().map(|bytes| bytes[plane]));
    }
    zstd::bulk::compress(&plain, LEVEL)
}

/// Reads what [`encode`] wrote; the error says what is wrong with the blob.
pub(super) fn decode(blob: &[u8]) -> Result<(TileMask, Vec<TileOutcome>), String> {
    let plain = zstd::bulk::decompress(blob, FRAME_BYTES_MAX).map_err(|error| error.to_string())?;
    let (mask, rest) = plain
        .split_first_chunk::<MASK_BYTES>()
        .ok_or("an outcome is too short for its mask")?;
    let wanted = TileMask::from_bytes(mask);
    let count = wanted.count();
    let (states, planes) = rest
        .split_at_checked(count)
        .ok_or("an outcome is too short for its states")?;
    let scored = states
        .iter()
        .filter(|&&state| state == TileState::Scored as u8)
        .count();
    if planes.len() != 4 * scored {
        return Err("an outcome's scores do not match its states".to_owned());
    }
    let mut position = 0;
    let tiles = states
        .iter()
        .map(|&number| {
            Ok(match TileState::from_number(number) {
                Some(TileState::Scored) => {
                    let bytes = std::array::from_fn(|plane| planes[plane * scored + position]);
                    position += 1;
                    TileOutcome::Scored(f32::from_le_bytes(bytes))
                }
                Some(TileState::NoImagery) => TileOutcome::NoImagery,
                Some(TileState::Blank) => TileOutcome::Blank,
                Some(TileState::Undecodable) => TileOutcome::Undecodable,
                Some(TileState::FetchFailed) => TileOutcome::FetchFailed,
                Some(TileState::PredictFailed) => TileOutcome::PredictFailed,
                Some(TileState::NotVisited) | None => {
                    return Err(format!("an outcome holds the state number {number}"));
                }
            })
        })
        .collect::<Result<_, String>>()?;
    Ok((wanted, tiles))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_outcome() -> impl Strategy<Value = TileOutcome> {
        prop_oneof![
            (0f32..=1.0).prop_map(TileOutcome::Scored),
            Just(TileOutcome::NoImagery),
            Just(TileOutcome::Blank),
            Just(TileOutcome::Undecodable),
            Just(TileOutcome::FetchFailed),
            Just(TileOutcome::PredictFailed),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            tiles in proptest::collection::btree_map(0u16..4096, any_outcome(), 1..512)
        ) {
            let wanted: TileMask = tiles.keys().copied().collect();
            let outcomes: Vec<_> = tiles.into_values().collect();
            let blob = encode(&wanted, &outcomes).unwrap();
            prop_assert_eq!(decode(&blob).unwrap(), (wanted, outcomes));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(blob in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&blob);
        }
    }
}
