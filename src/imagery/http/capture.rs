//! When an image was taken, where the server says so.

use std::sync::Mutex;

use reqwest::header::HeaderMap;

/// The header in which Bing's servers give the first and the last day of what a tile shows, such as
/// `4/12/2021-6/30/2021`. The web has no standard one: `Last-Modified` is the file's, not the
/// picture's.
const HEADER: &str = "x-ve-tilemeta-capturedatesrange";

/// What the image fetched last said of itself.
#[derive(Debug, Default)]
pub(super) struct LastCapture(Mutex<Option<String>>);

impl LastCapture {
    pub(super) fn note(&self, headers: &HeaderMap) {
        let date = headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .map(|date| date.trim().to_owned())
            .filter(|date| !date.is_empty());
        *self.lock() = date;
    }

    pub(super) fn get(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        // A date is whole or not there at all, whoever panicked.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
