//! Where a tile lies, seen from the tower that a track begins at.
//!
//! Lines go on ahead far more often than drawn lines say and leave to the side more seldom, and a
//! line that seems lost among many others has mostly ended there. How much so differs from country
//! to country: tiles are only sorted here, and what they are worth is learnt (`calibration`).

use std::f32::consts::TAU;

/// Up to these distances in tiles, tiles are told apart.
const DISTANCES: [f32; 9] = [1.5, 2.5, 3.5, 4.5, 6.0, 8.0, 12.0, 16.0, 24.0];
/// The same of the angles from straight ahead, in degrees.
const ANGLES: [f32; 6] = [15.0, 30.0, 60.0, 90.0, 120.0, 150.0];
/// Up to these numbers of hits of lines around, tracks are told apart.
const CROWDS: [u8; 10] = [0, 1, 3, 5, 8, 12, 17, 24, 35, 60];

/// A direction and a distance from a tower at which a line arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side(u8);

impl Side {
    /// All sides, those without a direction among them.
    pub(super) const COUNT: usize = (ANGLES.len() + 2) * (DISTANCES.len() + 1);

    /// The side of a tile that is so many tiles to the east and to the south, for a line that
    /// arrived in a direction, if that is known.
    pub(super) fn of(east: f32, south: f32, bearing: Option<f32>) -> Self {
        let distance = DISTANCES.partition_point(|&bound| east.hypot(south) > bound);
        let angle = bearing.map_or(ANGLES.len() + 1, |bearing| {
            let turn = (south.atan2(east) - bearing).rem_euclid(TAU);
            let degrees = turn.min(TAU - turn).to_degrees();
            ANGLES.partition_point(|&bound| degrees > bound)
        });
        Self((angle * (DISTANCES.len() + 1) + distance) as u8)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The class of how many hits of lines are around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowd(u8);

impl Crowd {
    pub(super) const COUNT: usize = CROWDS.len() + 1;

    pub(super) fn of(hits: u8) -> Self {
        Self(CROWDS.partition_point(|&bound| hits > bound) as u8)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_told_apart_by_its_angle_to_the_line_and_its_distance() {
        let south = Some(TAU / 4.0);
        let ahead = Side::of(0.0, 5.0, south);
        assert_eq!(
            ahead,
            Side::of(5.0, 0.0, Some(-TAU)),
            "turned with the line"
        );
        assert_eq!(
            Side::of(5.0, 1.0, south),
            Side::of(-5.0, 1.0, south),
            "left as right"
        );
        let others = [(5.0, 0.0), (0.0, -5.0), (0.0, 30.0), (0.0, 1.0)];
        assert!(others.iter().all(|&(x, y)| Side::of(x, y, south) != ahead));
        assert_ne!(Side::of(0.0, 5.0, None), ahead);
        assert!(Side::of(-40.0, 0.0, None).index() < Side::COUNT);
        assert!(Crowd::of(u8::MAX).index() < Crowd::COUNT);
        assert_ne!(Crowd::of(0), Crowd::of(1));
    }
}
