//! Request bodies: how long one may take to arrive, and how much memory all of them may hold.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// The granularity of the memory that is held.
const UNIT_BYTES: usize = 1 << 10;

/// Why a body was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    #[error("the requests in work fill {} MiB already; try again later", bytes_max >> 20)]
    MemoryFull { bytes_max: usize },
    #[error("the request's body did not arrive in time")]
    Late,
}

/// Memory for the bodies of all requests in work.
///
/// ```
/// use hvmap::http::bodies::{BodyError, Memory};
///
/// let memory = Memory::new(1 << 20);
/// let first = memory.hold();
/// first.grow(1 << 20)?;
/// assert!(memory.hold().grow(1).is_err());
/// drop(first);
/// memory.hold().grow(1)?;
/// # Ok::<_, BodyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    bytes_max: usize,
    units: Arc<Semaphore>,
}

/// What one request holds of the memory; released when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Held {
    memory: Memory,
    permits: Arc<Mutex<Vec<OwnedSemaphorePermit>>>,
}

impl Memory {
    /// Room for so many bytes over all requests, counted in units of 1 KiB.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            units: Arc::new(Semaphore::new(bytes_max / UNIT_BYTES)),
        }
    }

    /// Starts to count for one request, which holds nothing yet.
    #[must_use]
    pub fn hold(&self) -> Held {
        Held {
            memory: self.clone(),
            permits: Arc::default(),
        }
    }
}

impl Held {
    /// Holds so many bytes more.
    ///
    /// # Errors
    /// [`BodyError::MemoryFull`] when the requests in work leave too little; nothing is added then.
    pub fn grow(&self, bytes: usize) -> Result<(), BodyError> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.memory.units)
            .try_acquire_many_owned(units)
            .map_err(|_| BodyError::MemoryFull {
                bytes_max: self.memory.bytes_max,
            })?;
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        match permits.first_mut() {
            Some(held) => held.merge(more),
            None => permits.push(more),
        }
        Ok(())
    }
}

/// A body that fails with a [`BodyError`] when it has not arrived whole in time, or finds no memory.
#[derive(Debug)]
pub struct BoundedBody {
    body: Body,
    held: Held,
    until: Pin<Box<Sleep>>,
}

impl BoundedBody {
    /// Bounds a body whose whole has to arrive within `patience` from now.
    ///
    /// Has to be called inside a Tokio runtime.
    #[must_use]
    pub fn new(body: Body, held: Held, patience: Duration) -> Self {
        Self {
            body,
            held,
            until: Box::pin(sleep(patience)),
        }
    }
}

impl http_body::Body for BoundedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let held = this.held.grow(bytes);
                Poll::Ready(Some(held.map(|()| frame).map_err(Into::into)))
            }
            Poll::Ready(other) => Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
            Poll::Pending if this.until.as_mut().poll(context).is_ready() => {
                Poll::Ready(Some(Err(BodyError::Late.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_by_all_requests_together_until_they_end() {
        const BYTES_MAX: usize = 512 << 20;
        let memory = Memory::new(BYTES_MAX);
        let (first, second) = (memory.hold(), memory.hold());
        first.grow(BYTES_MAX / 2).unwrap();
        first.grow(BYTES_MAX / 2).unwrap();
        let full = BodyError::MemoryFull {
            bytes_max: BYTES_MAX,
        };
        assert_eq!(second.grow(1).unwrap_err(), full);
        drop(first);
        second.grow(BYTES_MAX).unwrap();
    }
}
