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

fn any_stage() -> impl Strategy<Value = CascadeStage> {
    prop_oneof![Just(CascadeStage::First), Just(CascadeStage::Second)]
}

type AnyTile = (TileOutcome, CascadeStage, Option<NonZeroU32>);

fn any_tiles() -> impl Strategy<Value = Vec<(u16, AnyTile)>> {
    let image = proptest::option::of((1u32..).prop_map(|id| NonZeroU32::new(id).unwrap()));
    proptest::collection::btree_map(0u16..4096, (any_outcome(), any_stage(), image), 0..512)
        .prop_map(|tiles| tiles.into_iter().collect())
}

fn frame(tiles: &[(u16, AnyTile)], with_stages: bool, with_images: bool) -> Frame {
    let answers = || tiles.iter().map(|&(_, tile)| tile);
    Frame {
        wanted: tiles.iter().map(|&(index, _)| index).collect(),
        tiles: answers().map(|(outcome, ..)| outcome).collect(),
        stages: answers()
            .map(|(_, stage, _)| stage)
            .filter(|_| with_stages)
            .collect(),
        images: answers()
            .map(|(.., image)| image)
            .filter(|_| with_images)
            .collect(),
    }
}

/// Frames of a unit as runs make them: one model; a cascade; a mosaic of images; few tiles.
fn usual() -> Vec<Frame> {
    let tiles = |count: u16| -> Vec<(u16, AnyTile)> {
        (0..count)
            .map(|i| {
                let outcome = match i % 13 {
                    0 => TileOutcome::NoImagery,
                    1 => TileOutcome::Blank,
                    2 => TileOutcome::FetchFailed,
                    _ => TileOutcome::Scored((f32::from(i) * 0.618).fract().powi(5)),
                };
                let stage = match i % 31 {
                    0 => CascadeStage::Second,
                    _ => CascadeStage::First,
                };
                (i * 3, (outcome, stage, NonZeroU32::new(u32::from(i / 100))))
            })
            .collect()
    };
    vec![
        frame(&tiles(512), false, false),
        frame(&tiles(512), true, false),
        frame(&tiles(512), true, true),
        frame(&tiles(7), true, true),
        frame(&tiles(1), false, false),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(
        tiles in any_tiles(), with_stages in any::<bool>(), with_images in any::<bool>(),
    ) {
        let plain = frame(&tiles, false, false);
        let bytes = plain.encode(FrameVersion::One).unwrap();
        prop_assert_eq!(Frame::decode(FrameVersion::One, &bytes).unwrap(), plain);
        let full = frame(&tiles, with_stages, with_images);
        let bytes = full.encode(FrameVersion::Two).unwrap();
        prop_assert!(bytes.len() <= FRAME_BYTES_MAX);
        prop_assert_eq!(Frame::decode(FrameVersion::Two, &bytes).unwrap(), full);
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        prop_assert!(Frame::decode(FrameVersion::Two, &bytes).is_err());
        let _ = Frame::decode(FrameVersion::One, &bytes);
    }

    #[test]
    fn damaged_content_is_an_error_and_never_a_panic(
        content in proptest::collection::vec(any::<u8>(), 0..2000), flags in 0u8..8,
    ) {
        let content = [&[2, flags], content.as_slice()].concat();
        let mut compressor = zstd::bulk::Compressor::new(LEVEL).unwrap();
        compressor.include_checksum(true).unwrap();
        let _ = Frame::decode(FrameVersion::Two, &compressor.compress(&content).unwrap());
    }
}

#[test]
fn no_flipped_bit_of_version_2_is_read_as_something_else() {
    let mut flips = 0;
    for frame in usual() {
        let bytes = frame.encode(FrameVersion::Two).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // A bit that Zstandard does not use may flip and leave the same content.
            let read = Frame::decode(FrameVersion::Two, &flipped);
            let is_harmless = read.map_or(true, |read| read == frame);
            assert!(is_harmless, "bit {bit} of {} bytes", bytes.len());
            flips += 1;
        }
    }
    assert!(flips > 30_000, "only {flips} bits were flipped");
}

#[test]
fn a_frame_of_the_other_version_is_refused() {
    for frame in usual() {
        let two = frame.encode(FrameVersion::Two).unwrap();
        assert!(Frame::decode(FrameVersion::One, &two).is_err());
        let plain = Frame {
            stages: Vec::new(),
            images: Vec::new(),
            ..frame
        };
        let one = plain.encode(FrameVersion::One).unwrap();
        assert!(matches!(
            Frame::decode(FrameVersion::Two, &one),
            Err(FrameError::NoChecksum)
        ));
    }
}

#[test]
fn what_follows_a_frame_or_is_too_long_for_one_is_refused() {
    let bytes = usual()[0].encode(FrameVersion::Two).unwrap();
    // An empty skippable frame, over which Zstandard passes without a word.
    let twice = [bytes.as_slice(), &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]].concat();
    assert!(matches!(
        Frame::decode(FrameVersion::Two, &twice),
        Err(FrameError::Followed { got: 8 })
    ));
    let long = [bytes, vec![0; FRAME_BYTES_MAX]].concat();
    assert!(matches!(
        Frame::decode(FrameVersion::Two, &long),
        Err(FrameError::TooLong { .. })
    ));
}

#[test]
fn version_1_refuses_what_it_cannot_hold_and_lists_must_fit_the_mask() {
    let mut frames = usual().into_iter();
    let (one, cascade) = (frames.next().unwrap(), frames.next().unwrap());
    assert!(matches!(
        cascade.encode(FrameVersion::One),
        Err(FrameError::NotInVersion1 { what: "stages" })
    ));
    let mut short: Frame = one;
    short.tiles.pop();
    assert!(matches!(
        short.encode(FrameVersion::Two),
        Err(FrameError::Lengths {
            list: "tiles",
            got: 511,
            expected: 512
        })
    ));
}

/// What a run does not use takes no room, and what it uses takes little.
#[test]
fn a_unit_is_as_large_as_the_notes_say() {
    let sizes: Vec<usize> = usual()[..3]
        .iter()
        .map(|frame| frame.encode(FrameVersion::Two).unwrap().len())
        .collect();
    let plain = usual()[0].encode(FrameVersion::One).unwrap().len();
    assert_eq!(sizes[0], plain + 6, "version, flags and a checksum");
    assert!(sizes[1] - sizes[0] < 70, "{sizes:?}");
    assert!(sizes[2] - sizes[1] < 70, "{sizes:?}");
}
