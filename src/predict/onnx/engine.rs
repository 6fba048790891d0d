//! One ONNX Runtime session, and the buffers of the images that go into it.

use std::{path::PathBuf, sync::Arc};

use ort::{
    ep::{
        ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProvider,
        ExecutionProviderDispatch, OpenVINO, cuda,
    },
    logging::LogLevel,
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{Tensor, TensorRef},
};

use super::{
    arrangement::Arrangement,
    device::{Arithmetic, Device, has_bf16, has_exact_byte_products},
    library::Library,
    plan::{Element, Plan},
    session::{SessionPool, WorkerSession},
};
use crate::{
    image::RGB_BYTES,
    predict::{PredictError, Unusable},
    tiles::TILE_SIZE_PX,
};

/// Where a model's bytes are.
#[derive(Clone, Debug)]
pub enum Source {
    File(PathBuf),
    /// Built into the program.
    Embedded(&'static [u8]),
}

/// Opens a session, for as many workers as the device lets share it.
///
/// Where the device fixes the batch, it takes the arrangement's and no other, if the number of images
/// goes by `batch_name` in the model.
///
/// # Errors
/// When the device cannot be used or the model cannot be loaded.
pub fn open_session(
    model: &str,
    source: &Source,
    library: &Library,
    device: Device,
    arrangement: Arrangement,
    batch_name: Option<&str>,
) -> Result<Session, PredictError> {
    let engine = |doing| {
        move |source| PredictError::Engine {
            model: model.to_owned(),
            doing,
            source,
        }
    };
    let mut builder = options(library, arrangement.threads).map_err(engine("set up a session"))?;
    match device {
        Device::Cpu => {}
        Device::Cuda(number) => builder = with_cuda(builder, library, device, number)?,
        Device::OpenVino(arithmetic) => {
            builder = with_openvino(builder, library, device, arithmetic, arrangement)?;
        }
    }
    if device.fixes_the_batch()
        && let Some(name) = batch_name
    {
        builder = builder
            .with_dimension_override(name, arrangement.batch_size as i64)
            .map_err(|error| unavailable(device, &error))?;
    }
    match source {
        Source::File(path) => builder.commit_from_file(path),
        Source::Embedded(bytes) => builder.commit_from_memory(bytes),
    }
    .map_err(engine("load it"))
}

/// With one thread a session the caller's thread does all the work itself; with more, none of them
/// spins while it waits, since its core has other sessions to run.
fn options(library: &Library, threads: usize) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(&library.environment)?
        .with_log_level(LogLevel::Warning)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    if has_exact_byte_products() {
        Ok(builder)
    } else {
        Ok(builder.with_precise_qmm()?)
    }
}

fn with_cuda(
    builder: SessionBuilder,
    library: &Library,
    device: Device,
    number: u16,
) -> Result<SessionBuilder, PredictError> {
    if !CUDA::is_available().unwrap_or(false) {
        return Err(built_without("CUDA", library, device));
    }
    let provider = CUDA::default()
        .with_device_id(i32::from(number))
        // Tensor cores take images whose channels lie together, and a bias added in the convolution
        // saves a way through memory and back (benches/compare/tried.md).
        .with_prefer_nhwc(true)
        .with_fuse_conv_bias(true)
        // Timing the algorithms takes others from run to run, which round otherwise, and slow ones
        // while another session keeps the device busy.
        .with_conv_algorithm_search(cuda::ConvAlgorithmSearch::Heuristic)
        // fp32 is multiplied with 10 of its 23 bits where tensor cores can: four times as fast.
        .with_tf32(true);
    with_provider(builder, device, provider.build())
}

/// OpenVINO on the processor, with threads of its own in place of ONNX Runtime's.
fn with_openvino(
    builder: SessionBuilder,
    library: &Library,
    device: Device,
    arithmetic: Arithmetic,
    arrangement: Arrangement,
) -> Result<SessionBuilder, PredictError> {
    if !OpenVINO::is_available().unwrap_or(false) {
        return Err(built_without("OpenVINO", library, device));
    }
    if arithmetic == Arithmetic::Bf16 && !has_bf16() {
        return Err(PredictError::DeviceUnavailable {
            device: device.to_string(),
            reason: "this processor has no instructions for bf16 (AVX512_BF16)".into(),
        });
    }
    let precision = match arithmetic {
        Arithmetic::Fp32 => "f32",
        Arithmetic::Bf16 => "bf16",
    };
    // Streams are what OpenVINO calls the runs that it computes at once. Where several programs pin
    // their threads, they pin them to the same cores.
    let streams = arrangement.workers;
    let threads = streams * arrangement.threads;
    let properties = format!(
        r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","INFERENCE_NUM_THREADS":"{threads}","NUM_STREAMS":"{streams}","ENABLE_CPU_PINNING":"NO"}}}}"#
    );
    let provider = OpenVINO::default()
        .with_device_type("CPU")
        // The properties decide the threads; this one is how many runs it keeps a request for.
        .with_num_threads(streams)
        .with_arbitrary_config("load_config", properties);
    // OpenVINO rewrites the graph itself, and knows it best as it was packaged.
    let builder = builder
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(|error| unavailable(device, &error))?;
    with_provider(builder, device, provider.build())
}

fn with_provider(
    builder: SessionBuilder,
    device: Device,
    provider: ExecutionProviderDispatch,
) -> Result<SessionBuilder, PredictError> {
    builder
        .with_execution_providers([provider.error_on_failure()])
        .map_err(|error| unavailable(device, &error))
}

fn built_without(provider: &str, library: &Library, device: Device) -> PredictError {
    PredictError::DeviceUnavailable {
        device: device.to_string(),
        reason: format!(
            "ONNX Runtime {} in {} was built without {provider}",
            library.version,
            library.path.display()
        ),
    }
}

fn unavailable(device: Device, error: &impl ToString) -> PredictError {
    PredictError::DeviceUnavailable {
        device: device.to_string(),
        reason: in_short(&error.to_string()),
    }
}

/// ONNX Runtime's message without the source lines, class names and codes in front of it.
fn in_short(message: &str) -> String {
    let told = message.rsplit(" : FAIL : ").next().unwrap_or(message);
    told.lines().next().unwrap_or(told).trim().to_owned()
}

/// A model's raw answers to some tiles; reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Scores a tile.
    pub columns: usize,
    /// Tiles × columns.
    pub scores: Vec<f32>,
    /// Tiles × cells, or empty.
    pub attribution: Vec<f32>,
}

/// A session with its plan: tiles in, raw answers out.
pub struct Engine {
    model: Arc<str>,
    session: WorkerSession,
    plan: Arc<Plan>,
    /// Tiles a run of the model at most.
    run_size: usize,
    /// Whether a run takes no fewer either.
    run_size_fixed: bool,
    /// Prepared images of a run, for models that do not take tiles as they are.
    numbers: Vec<f32>,
    bytes: Vec<u8>,
    /// A run's tiles where the device reads them by itself.
    staged: Option<Tensor<u8>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that runs the model on up to `batch_size` tiles at once, or on as many as its file
    /// or its session fixes.
    #[must_use]
    pub fn new(
        model: Arc<str>,
        session: WorkerSession,
        plan: Arc<Plan>,
        batch_size: usize,
    ) -> Self {
        let fixed = session.batch_fixed();
        let tile = TILE_SIZE_PX as usize;
        let staged = match (session.pool(), &plan.pixels, fixed) {
            (Some(pool), None, Some(images)) => pool.page_locked([images, tile, tile, 3]),
            _ => None,
        };
        Self {
            model,
            run_size: fixed.unwrap_or(batch_size).max(1),
            run_size_fixed: fixed.is_some(),
            session,
            plan,
            numbers: Vec::new(),
            bytes: Vec::new(),
            staged,
        }
    }

    /// The sessions that its worker takes turns at with others, where the device has them so.
    #[must_use]
    pub fn pool(&self) -> Option<&SessionPool> {
        self.session.pool()
    }

    /// An engine for one more worker, where workers may share sessions.
    #[must_use]
    pub fn for_another(&self) -> Option<Self> {
        let session = self.session.for_another()?;
        let (model, plan) = (Arc::clone(&self.model), Arc::clone(&self.plan));
        Some(Self::new(model, session, plan, self.run_size))
    }

    /// Answers for tiles that lie one after the other, [`RGB_BYTES`] each.
    ///
    /// # Errors
    /// When ONNX Runtime fails, or answers in another shape than the model's file promises.
    ///
    /// # Panics
    /// When `tiles` is no whole number of tiles.
    pub fn run(&mut self, tiles: &[u8], answers: &mut Answers) -> Result<(), PredictError> {
        assert_eq!(tiles.len() % RGB_BYTES, 0, "whole tiles");
        answers.scores.clear();
        answers.attribution.clear();
        for run in tiles.chunks(self.run_size * RGB_BYTES) {
            self.run_once(run, answers)?;
        }
        Ok(())
    }

    fn run_once(&mut self, tiles: &[u8], answers: &mut Answers) -> Result<(), PredictError> {
        let plan = Arc::clone(&self.plan);
        let count = tiles.len() / RGB_BYTES;
        // A fixed batch is filled up; what comes back for the filling is dropped.
        let filled = if self.run_size_fixed {
            self.run_size
        } else {
            count
        };
        let failed = |source| PredictError::Engine {
            model: self.model.to_string(),
            doing: "classify a batch",
            source,
        };

        let tile = TILE_SIZE_PX as usize;
        let input = match (&plan.pixels, plan.element, &mut self.staged) {
            (None, _, Some(staged)) => {
                staged.extract_tensor_mut().1[..tiles.len()].copy_from_slice(tiles);
                Ok(staged.view().into_dyn())
            }
            (None, _, None) if filled == count => {
                TensorRef::from_array_view(([count, tile, tile, 3], tiles)).map(TensorRef::into_dyn)
            }
            (None, _, None) => {
                self.bytes.resize(filled * RGB_BYTES, 0);
                self.bytes[..tiles.len()].copy_from_slice(tiles);
                TensorRef::from_array_view(([filled, tile, tile, 3], self.bytes.as_slice()))
                    .map(TensorRef::into_dyn)
            }
            (Some(pixels), Element::U8, _) => {
                let image = pixels.image_len();
                self.bytes.resize(filled * image, 0);
                for (tile, out) in tiles
                    .chunks_exact(RGB_BYTES)
                    .zip(self.bytes.chunks_exact_mut(image))
                {
                    pixels.write_u8(tile, out);
                }
                TensorRef::from_array_view((pixels.shape(filled), self.bytes.as_slice()))
                    .map(TensorRef::into_dyn)
            }
            (Some(pixels), Element::F32, _) => {
                let image = pixels.image_len();
                self.numbers.resize(filled * image, 0.0);
                for (tile, out) in tiles
                    .chunks_exact(RGB_BYTES)
                    .zip(self.numbers.chunks_exact_mut(image))
                {
                    pixels.write_f32(tile, out);
                }
                TensorRef::from_array_view((pixels.shape(filled), self.numbers.as_slice()))
                    .map(TensorRef::into_dyn)
            }
        }
        .map_err(failed)?;

        let outputs = self.session.run(input).map_err(failed)?;
        let (shape, scores) = outputs[plan.scores]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        let columns = self::columns(shape, filled).ok_or_else(|| {
            let reason = format!(
                "to {filled} images it answered scores {shape:?}, expected [{filled}, classes]"
            );
            PredictError::unusable(&*self.model, Unusable::Lasting(reason))
        })?;
        answers.columns = columns;
        answers.scores.extend_from_slice(&scores[..count * columns]);
        if let Some(attribution) = plan.attribution {
            let (_, cells) = outputs[attribution]
                .try_extract_tensor::<f32>()
                .map_err(failed)?;
            answers
                .attribution
                .extend_from_slice(&cells[..cells.len() / filled * count]);
        }
        Ok(())
    }
}

/// Scores a tile in a tensor of this shape; `None` where it is not one row a tile.
fn columns(shape: &[i64], tiles: usize) -> Option<usize> {
    match *shape {
        [rows] if rows == tiles as i64 => Some(1),
        [rows, columns] if rows == tiles as i64 && columns > 0 => usize::try_from(columns).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_message_is_cut_to_what_helps() {
        let message = "/onnxruntime_src/provider_bridge_ort.cc:2043 onnxruntime::Provider& Get() \
                       [ONNXRuntimeError] : 1 : FAIL : Failed to load library \
                       libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open\n\n";
        assert_eq!(
            in_short(message),
            "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: \
             cannot open"
        );
        assert_eq!(in_short("anything else"), "anything else");
    }

    #[test]
    fn scores_have_to_be_one_row_a_tile() {
        assert_eq!(columns(&[3], 3), Some(1));
        assert_eq!(columns(&[3, 2], 3), Some(2));
        for wrong in [&[2, 2][..], &[3, 0], &[3, 2, 1], &[]] {
            assert_eq!(columns(wrong, 3), None, "{wrong:?}");
        }
    }
}
