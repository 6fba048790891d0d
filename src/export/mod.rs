//! Detections written for other programs.
