//! The synthetic world: imagery of any place on the planet with known answers.
