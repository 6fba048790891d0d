//! A worker's access to an ONNX Runtime session: its own, one that all workers run at once, or some
//! that they take turns at.

use std::{
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ort::{
    AsPointer,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::Session,
    value::{DynValue, DynValueRef, Tensor},
};

use super::{
    device::{Device, Sharing},
    ports::port,
};

/// What computes a worker's batches.
#[derive(Debug)]
pub enum WorkerSession {
    Own(Session),
    Shared(Arc<SharedSession>),
    Pooled(Arc<SessionPool>),
}

impl WorkerSession {
    /// A session as workers use it on a device.
    ///
    /// # Panics
    /// When the session has no input.
    #[must_use]
    pub fn of(session: Session, device: Device) -> Self {
        match device.sharing() {
            Sharing::Apiece => Self::Own(session),
            Sharing::AtOnce => Self::Shared(SharedSession::new(session).into()),
            Sharing::InTurns(_) => Self::Pooled(SessionPool::of(session, device).into()),
        }
    }

    /// Images that every run takes, where the file or how the session was opened fixes them.
    #[must_use]
    pub fn batch_fixed(&self) -> Option<usize> {
        match self {
            Self::Own(session) => batch_fixed(session),
            Self::Shared(shared) => batch_fixed(&shared.session),
            Self::Pooled(pool) => pool.batch_fixed,
        }
    }

    /// The same sessions for one more worker, where they may be shared.
    #[must_use]
    pub fn for_another(&self) -> Option<Self> {
        match self {
            Self::Own(_) => None,
            Self::Shared(session) => Some(Self::Shared(Arc::clone(session))),
            Self::Pooled(pool) => Some(Self::Pooled(Arc::clone(pool))),
        }
    }

    /// The sessions that workers take turns at.
    #[must_use]
    pub fn pool(&self) -> Option<&SessionPool> {
        match self {
            Self::Own(_) | Self::Shared(_) => None,
            Self::Pooled(pool) => Some(pool),
        }
    }

    /// The model's outputs for its one input, in the order of its file.
    ///
    /// # Errors
    /// ONNX Runtime's.
    pub fn run(&mut self, input: DynValueRef<'_>) -> ort::Result<Vec<DynValue>> {
        match self {
            Self::Own(session) => run_alone(session, input),
            Self::Shared(session) => session.run(&input),
            Self::Pooled(pool) => pool.run(input),
        }
    }
}

fn run_alone(session: &mut Session, input: DynValueRef<'_>) -> ort::Result<Vec<DynValue>> {
    let outputs = session.run(ort::inputs![input])?;
    Ok(outputs.into_iter().map(|(_, value)| value).collect())
}

fn batch_fixed(session: &Session) -> Option<usize> {
    let input = port(session.inputs().first()?);
    usize::try_from(*input.sizes().first()?).ok()
}

/// Some sessions of one model for more workers than there are of them. The one that waited longest
/// goes first.
#[derive(Debug)]
pub struct SessionPool {
    back: Sender<Session>,
    free: Receiver<Session>,
    opened: AtomicUsize,
    device: Device,
    told: Once,
    /// Images that every run takes, where that is fixed.
    batch_fixed: Option<usize>,
}

impl SessionPool {
    fn of(session: Session, device: Device) -> Self {
        let (back, free) = unbounded();
        let batch_fixed = batch_fixed(&session);
        let pool = Self {
            back,
            free,
            opened: AtomicUsize::new(0),
            device,
            told: Once::new(),
            batch_fixed,
        };
        pool.add(session);
        pool
    }

    /// One more session of the same model, opened in the same way.
    pub fn add(&self, session: Session) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.free_again(session);
    }

    /// Sessions, free or at work.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Memory for the bytes of a shape that the device reads by itself, where it has such: what lies
    /// elsewhere is first copied there by a processor, while a session waits. Where there is none to be
    /// had, the first worker's log says so.
    pub fn page_locked(&self, shape: [usize; 4]) -> Option<Tensor<u8>> {
        let Device::Cuda(number) = self.device else {
            return None;
        };
        self.allocate_page_locked(number, shape)
            .inspect_err(|error| {
                self.told.call_once(|| {
                    tracing::warn!(
                        "tiles go to the device by ordinary memory, which is slower: {error}"
                    );
                });
            })
            .ok()
    }

    fn allocate_page_locked(&self, number: u16, shape: [usize; 4]) -> ort::Result<Tensor<u8>> {
        let memory = MemoryInfo::new(
            AllocationDevice::CUDA_PINNED,
            i32::from(number),
            AllocatorType::Device,
            MemoryType::CPUInput,
        )?;
        let allocator = Allocator::new(self.turn().session(), memory)?;
        Tensor::new(&allocator, shape)
    }

    fn run(&self, input: DynValueRef<'_>) -> ort::Result<Vec<DynValue>> {
        run_alone(self.turn().session(), input)
    }

    /// Waits for a session.
    fn turn(&self) -> Turn<'_> {
        Turn {
            session: Some(self.free.recv().expect("the pool holds a sender")),
            pool: self,
        }
    }

    fn free_again(&self, session: Session) {
        self.back.send(session).expect("the pool holds a receiver");
    }
}

/// A session in work, which is free again when this ends, also by a panic.
struct Turn<'a> {
    session: Option<Session>,
    pool: &'a SessionPool,
}

impl Turn<'_> {
    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("given back when this ends")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.free_again(session);
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

#[cfg(test)]
mod tests {
    use std::thread;

    use ort::value::TensorRef;

    use super::{
        super::{
            arrangement::{Arrangement, Decided},
            device::DeviceChoice,
            engine::{Source, open_session},
            library,
        },
        *,
    };
    use crate::{image::RGB_BYTES, tiles::TILE_SIZE_PX};

    fn session() -> Session {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/models/contract.onnx"
        );
        let library = library::load(None, DeviceChoice::Cpu).unwrap();
        let alone = Arrangement::usual(Device::Cpu, 1, None, Decided::default());
        let source = Source::File(file.into());
        open_session(file, &source, &library, Device::Cpu, alone, None).unwrap()
    }

    fn first_output(pool: &SessionPool, tile: &[u8], side: usize) -> ort::Result<Vec<f32>> {
        let input = TensorRef::from_array_view(([1, side, side, 3], tile))?.into_dyn();
        let outputs = pool.run(input)?;
        Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
    }

    #[test]
    fn more_workers_than_sessions_take_turns_and_get_what_one_alone_gets() {
        let side = TILE_SIZE_PX as usize;
        let tile: Vec<u8> = (0..RGB_BYTES).map(|i| (i * 31 % 251) as u8).collect();
        let pool = SessionPool::of(session(), Device::Cpu);
        let alone = first_output(&pool, &tile, side).unwrap();
        assert!(alone.iter().all(|score| score.is_finite()));
        pool.add(session());
        assert_eq!(pool.sessions(), 2);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..4 {
                        assert_eq!(first_output(&pool, &tile, side).unwrap(), alone);
                    }
                });
            }
        });
        assert_eq!(pool.free.len(), 2, "all turns are over");
    }

    #[test]
    fn a_run_that_fails_gives_its_session_back() {
        let pool = SessionPool::of(session(), Device::Cpu);
        for _ in 0..2 {
            first_output(&pool, &[0; 27], 3).unwrap_err();
        }
        assert_eq!(pool.free.len(), 1);
    }
}
