//! How a model's work is laid out on a machine. It changes the speed, and no score.

use super::device::Device;

/// Images a run on the processor: larger batches leave its caches (docs/BENCHMARKS.md).
const BATCH_SIZE_CPU: usize = 1;
/// The same of an int8 model, whose values take a quarter of the room.
const BATCH_SIZE_CPU_INT8: usize = 2;
/// The same by OpenVINO's kernels.
const BATCH_SIZE_OPENVINO_INT8: usize = 4;
/// Images a run on CUDA.
const BATCH_SIZE_CUDA: usize = 64;
/// Workers on CUDA at most, each with two batches in memory, of 25 MB together: more than so many
/// decode faster than any one device computes.
const WORKERS_CUDA_MAX: usize = 32;

/// Batches worth measuring on the processor, and on CUDA.
const BATCHES_CPU: [usize; 5] = [1, 2, 4, 8, 16];
const BATCHES_CUDA: [usize; 4] = [32, 64, 128, 256];

/// Classifiers at once, threads of each, and images a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrangement {
    pub workers: usize,
    /// Threads that one session computes a run with.
    pub threads: usize,
    pub batch_size: usize,
}

/// The parts of an arrangement that a person decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    pub workers: Option<usize>,
    pub threads: Option<usize>,
    pub batch_size: Option<usize>,
}

impl Decided {
    /// Whether nobody decided anything.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Arrangement {
    /// What suits most models of a precision: a classifier of one thread a core. On a CUDA device
    /// they decode, and take turns at its sessions.
    #[must_use]
    pub fn usual(device: Device, cores: usize, precision: Option<&str>, decided: Decided) -> Self {
        let int8 = precision == Some("int8");
        let (workers, batch_size) = match device {
            Device::Cpu if int8 => (cores, BATCH_SIZE_CPU_INT8),
            Device::OpenVino(_) if int8 => (cores, BATCH_SIZE_OPENVINO_INT8),
            Device::Cpu | Device::OpenVino(_) => (cores, BATCH_SIZE_CPU),
            Device::Cuda(_) => (cores.min(WORKERS_CUDA_MAX), BATCH_SIZE_CUDA),
        };
        let threads = decided.threads.unwrap_or(1).max(1);
        // More threads a session leave cores for fewer sessions.
        let workers = if device.is_the_processor() {
            (workers / threads).max(1)
        } else {
            workers
        };
        Self {
            workers: decided.workers.unwrap_or(workers).max(1),
            threads,
            batch_size: decided.batch_size.unwrap_or(batch_size).max(1),
        }
    }

    /// All that are worth measuring, this one, the usual, first.
    ///
    /// On the processor sessions times threads are the cores, with threads doubling, and half of
    /// the cores with a thread each, since two may share one core's arithmetic. A model whose file
    /// fixes the batch leaves no choice of it.
    #[must_use]
    pub fn worth_measuring(
        self,
        device: Device,
        cores: usize,
        decided: Decided,
        batch_fixed: Option<usize>,
    ) -> Vec<Self> {
        let decided = Decided {
            batch_size: batch_fixed.or(decided.batch_size),
            ..decided
        };
        let pairs: Vec<(usize, usize)> = match device {
            Device::Cpu | Device::OpenVino(_) => {
                let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
                let mut pairs: Vec<_> = doubling
                    .take_while(|&threads| threads <= cores)
                    .map(|threads| (cores / threads, threads))
                    .collect();
                if cores >= 4 {
                    pairs.push((cores / 2, 1));
                }
                pairs
            }
            Device::Cuda(_) => vec![(self.workers, 1)],
        };
        let batches: &[usize] = match device {
            Device::Cpu | Device::OpenVino(_) => &BATCHES_CPU,
            Device::Cuda(_) => &BATCHES_CUDA,
        };
        let mut all = vec![Self {
            batch_size: decided.batch_size.unwrap_or(self.batch_size),
            ..self
        }];
        for (workers, threads) in pairs {
            for &batch_size in batches {
                let arrangement = Self {
                    workers: decided.workers.unwrap_or(workers),
                    threads: decided.threads.unwrap_or(threads),
                    batch_size: decided.batch_size.unwrap_or(batch_size),
                };
                if !all.contains(&arrangement) {
                    all.push(arrangement);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{super::device::Arithmetic, *};

    fn pairs(all: &[Arrangement]) -> Vec<(usize, usize)> {
        let mut pairs: Vec<_> = all.iter().map(|one| (one.workers, one.threads)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn worth_measuring(
        device: Device,
        cores: usize,
        decided: Decided,
        batch_fixed: Option<usize>,
    ) -> Vec<Arrangement> {
        Arrangement::usual(device, cores, None, decided).worth_measuring(
            device,
            cores,
            decided,
            batch_fixed,
        )
    }

    #[test]
    fn a_model_of_bytes_takes_more_images_at_once() {
        let usual = |precision| Arrangement::usual(Device::Cpu, 2, precision, Decided::default());
        assert!(usual(Some("int8")).batch_size > usual(Some("fp32")).batch_size);
        let openvino = Device::OpenVino(Arithmetic::Fp32);
        let by_openvino = Arrangement::usual(openvino, 2, Some("int8"), Decided::default());
        assert!(by_openvino.batch_size > usual(Some("int8")).batch_size);
        assert_eq!(usual(Some("fp32")), usual(None));
    }

    #[test]
    fn sessions_times_threads_use_the_cores() {
        let all = worth_measuring(Device::Cpu, 8, Decided::default(), None);
        assert_eq!(pairs(&all), [(1, 8), (2, 4), (4, 1), (4, 2), (8, 1)]);
        assert_eq!(
            all[0],
            Arrangement::usual(Device::Cpu, 8, None, Decided::default())
        );
        assert_eq!(all.len(), 5 * BATCHES_CPU.len());
        let one = worth_measuring(Device::Cpu, 1, Decided::default(), None);
        assert_eq!(pairs(&one), [(1, 1)]);
    }

    #[test]
    fn what_a_person_or_the_file_decided_is_not_varied() {
        let decided = Decided {
            workers: Some(3),
            ..Decided::default()
        };
        let all = worth_measuring(Device::Cpu, 4, decided, Some(2));
        assert_eq!(pairs(&all), [(3, 1), (3, 2), (3, 4)]);
        assert!(all.iter().all(|one| one.batch_size == 2));
        let every = Decided {
            workers: Some(1),
            threads: Some(1),
            batch_size: Some(8),
        };
        assert_eq!(worth_measuring(Device::Cuda(0), 4, every, None).len(), 1);
    }

    #[test]
    fn a_gpus_workers_decode_on_the_cores_and_do_not_fill_the_memory() {
        let usual = |cores| Arrangement::usual(Device::Cuda(0), cores, None, Decided::default());
        assert_eq!(usual(16).workers, 16);
        assert_eq!(usual(128).workers, WORKERS_CUDA_MAX);
        let all = worth_measuring(Device::Cuda(0), 128, Decided::default(), None);
        assert_eq!(pairs(&all), [(WORKERS_CUDA_MAX, 1)]);
        assert_eq!(all.len(), BATCHES_CUDA.len());
    }

    #[test]
    fn threads_that_were_asked_for_leave_fewer_sessions() {
        let decided = Decided {
            threads: Some(4),
            ..Decided::default()
        };
        assert_eq!(Arrangement::usual(Device::Cpu, 8, None, decided).workers, 2);
        assert_eq!(Arrangement::usual(Device::Cpu, 2, None, decided).workers, 1);
    }
}
