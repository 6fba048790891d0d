//! A worker's access to an ONNX Runtime session: its own, or one that all workers run at once.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    sync::Arc,
};

use ort::{
    AsPointer,
    session::Session,
    value::{DynValue, DynValueRef},
};

use super::{device::Device, plan::Port};

/// What computes a worker's batches.
#[derive(Debug)]
pub enum WorkerSession {
    Own(Session),
    Shared(Arc<SharedSession>),
}

impl WorkerSession {
    /// A session as workers use it on a device.
    ///
    /// # Panics
    /// When the session has no input.
    #[must_use]
    pub fn of(session: Session, device: Device) -> Self {
        if device.shares_a_session() {
            Self::Shared(SharedSession::new(session).into())
        } else {
            Self::Own(session)
        }
    }

    /// Images that every run takes, where the file or how the session was opened fixes them.
    #[must_use]
    pub fn batch_fixed(&self) -> Option<usize> {
        let session = match self {
            Self::Own(session) => session,
            Self::Shared(shared) => &shared.session,
        };
        let input = Port::of(session.inputs().first()?);
        usize::try_from(*input.shape.first()?).ok()
    }

    /// The same session for one more worker, where it may be shared.
    #[must_use]
    pub fn for_another(&self) -> Option<Self> {
        match self {
            Self::Own(_) => None,
            Self::Shared(session) => Some(Self::Shared(Arc::clone(session))),
        }
    }

    /// The model's outputs for its one input, in the order of its file.
    ///
    /// # Errors
    /// ONNX Runtime's.
    pub fn run(&mut self, input: DynValueRef<'_>) -> ort::Result<Vec<DynValue>> {
        match self {
            Self::Own(session) => {
                let outputs = session.run(ort::inputs![input])?;
                Ok(outputs.into_iter().map(|(_, value)| value).collect())
            }
            Self::Shared(session) => session.run(&input),
        }
    }
}

/// A session that several threads run at once: for providers that keep a request of their own for
/// each thread, so that a model's weights are packed once and not once a worker.
///
/// ONNX Runtime allows it ("Multiple threads are allowed to run this function", says
/// `InferenceSession::Run`). `ort` asks for `&mut` all the same, because providers were seen that
/// break the promise. OpenVINO's takes a request out of a pool behind a lock, runs it, and gives it
/// back; its memory is the processor's, whose allocator has a lock too.
#[derive(Debug)]
pub struct SharedSession {
    session: Session,
    input: CString,
    outputs: Vec<CString>,
}

impl SharedSession {
    fn new(session: Session) -> Self {
        let name =
            |name: &str| CString::new(name).expect("ONNX Runtime's names end in a zero byte");
        Self {
            input: name(
                session
                    .inputs()
                    .first()
                    .expect("a plan was made for the model's input")
                    .name(),
            ),
            outputs: session
                .outputs()
                .iter()
                .map(|one| name(one.name()))
                .collect(),
            session,
        }
    }

    fn run(&self, input: &DynValueRef<'_>) -> ort::Result<Vec<DynValue>> {
        let names: Vec<_> = self.outputs.iter().map(|name| name.as_ptr()).collect();
        let mut values = vec![ptr::null_mut(); names.len()];
        // SAFETY: the session and the input live through the call; each list is as long as is said,
        // and its names end in a zero byte. Null asks for the usual options, and null outputs for
        // new values. That other threads are in the same call with values of their own is allowed
        // for the providers that sessions are shared with (above); nothing here mutates a session.
        unsafe {
            ort::Error::result_from_status((ort::api().Run)(
                self.session.ptr().cast_mut(),
                ptr::null(),
                [CStr::as_ptr(&self.input)].as_ptr(),
                [input.ptr()].as_ptr(),
                1,
                names.as_ptr(),
                names.len(),
                values.as_mut_ptr(),
            ))
        }?;
        let allocator = self.session.allocator();
        let owned = |value| {
            let value = NonNull::new(value).expect("a run that went well gives every output");
            // SAFETY: the value was given to this call alone, and comes from this allocator: both
            // are the processor's.
            unsafe { DynValue::from_ptr(value, Some(allocator)) }
        };
        Ok(values.into_iter().map(owned).collect())
    }
}
