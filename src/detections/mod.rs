//! From candidates to located, ranked detections.
