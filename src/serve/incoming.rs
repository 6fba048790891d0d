//! Bodies as they come in: how long they may take, and how much memory all of them may.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::{Code, Status};

use super::failure::Failure;

/// Bytes of all requests that are in work, over all protocols.
const HELD_BYTES_MAX: usize = 512 << 20;
/// What is counted at once.
const UNIT_BYTES: usize = 1 << 10;

/// Memory for the bodies of requests in work.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HELD_BYTES_MAX / UNIT_BYTES)))
    }
}

/// What one request holds of it, until it is dropped.
#[derive(Clone, Debug)]
pub(super) struct Held {
    memory: Memory,
    permits: Arc<Mutex<Vec<OwnedSemaphorePermit>>>,
}

impl Memory {
    pub(super) fn hold(&self) -> Held {
        Held {
            memory: self.clone(),
            permits: Arc::default(),
        }
    }
}

impl Held {
    /// Holds so many bytes more.
    pub(super) fn grow(&self, bytes: usize) -> Result<(), Failure> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory.0);
        let more = memory.try_acquire_many_owned(units).map_err(|_| {
            Failure::unavailable(format!(
                "the requests in work fill {} MiB already; try again later",
                HELD_BYTES_MAX >> 20
            ))
        })?;
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        match permits.first_mut() {
            Some(held) => held.merge(more),
            None => permits.push(more),
        }
        Ok(())
    }
}

/// A body that fails when it has not come whole in time, or finds no memory.
pub(super) struct Incoming {
    body: Body,
    held: Held,
    until: Pin<Box<Sleep>>,
}

impl Incoming {
    pub(super) fn new(body: Body, held: Held, patience: Duration) -> Self {
        Self {
            body,
            held,
            until: Box::pin(sleep(patience)),
        }
    }
}

impl hyper::body::Body for Incoming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let fail = |failure: Failure| Poll::Ready(Some(Err(Status::from(failure).into())));
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match this.held.grow(bytes) {
                    Ok(()) => Poll::Ready(Some(Ok(frame))),
                    Err(failure) => fail(failure),
                }
            }
            Poll::Ready(other) => Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
            Poll::Pending if this.until.as_mut().poll(context).is_ready() => fail(Failure::new(
                Code::DeadlineExceeded,
                "the request's body did not arrive in time",
            )),
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
        let memory = Memory::default();
        let (first, second) = (memory.hold(), memory.hold());
        first.grow(HELD_BYTES_MAX / 2).unwrap();
        first.grow(HELD_BYTES_MAX / 2).unwrap();
        assert_eq!(second.grow(1).unwrap_err().code, Code::Unavailable);
        drop(first);
        second.grow(HELD_BYTES_MAX).unwrap();
    }
}
