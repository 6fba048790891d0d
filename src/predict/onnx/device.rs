//! On which device a model runs, and what of it decides the last bits of a score.

use std::{fmt, str::FromStr};

/// How devices are written.
const DEVICES: &str = "auto, cpu, cuda, cuda:N, openvino or openvino:bf16";

/// The device asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA where it really works, else the processor.
    #[default]
    Auto,
    Cpu,
    /// The CUDA device of this number, counted from 0, or an error.
    Cuda(u16),
    /// The processor by OpenVINO's kernels, or an error.
    OpenVino(Arithmetic),
}

/// What OpenVINO computes with where a model's numbers are fp32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Fp32,
    /// Half as many bits, 8 of them the exponent's and 7 the fraction's; sums stay fp32.
    Bf16,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || format!("unknown device {text:?}, expected {DEVICES}");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "openvino" => Ok(Self::OpenVino(Arithmetic::Fp32)),
            "openvino:bf16" => Ok(Self::OpenVino(Arithmetic::Bf16)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(unknown),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => Device::Cpu.fmt(f),
            Self::Cuda(number) => Device::Cuda(*number).fmt(f),
            Self::OpenVino(arithmetic) => Device::OpenVino(*arithmetic).fmt(f),
        }
    }
}

/// The device that a loaded model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda(u16),
    OpenVino(Arithmetic),
}

/// Sessions on a CUDA device (docs/BENCHMARKS.md).
const SESSIONS_CUDA: usize = 2;

/// How workers come by a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each has its own.
    Apiece,
    /// All run the same one at once.
    AtOnce,
    /// They take turns at so many.
    InTurns(usize),
}

/// How far bf16 may move a canary's score: it keeps 8 bits of each number, and canaries stand where
/// scores move most. The demo model's move by 0.036 (docs/MODELS.md).
const BF16_TOLERANCE: f32 = 0.1;

/// The same on CUDA, whose tensor cores keep 10 bits of each number that they multiply. Over San Marino
/// the demo model's scores move by 0.002, and its fp16 copy's by 0.007 (docs/MODELS.md).
const CUDA_TOLERANCE: f32 = 0.03;

impl Device {
    /// How far a canary's score may lie from the recorded one here, where its model allows less.
    #[must_use]
    pub fn tolerance(self) -> f32 {
        match self {
            Self::OpenVino(Arithmetic::Bf16) => BF16_TOLERANCE,
            Self::Cuda(_) => CUDA_TOLERANCE,
            Self::Cpu | Self::OpenVino(Arithmetic::Fp32) => 0.0,
        }
    }

    /// How the workers come by a session. OpenVINO packs a model's weights anew for each session,
    /// and its provider runs one from several threads at once. A GPU wants one session that
    /// computes and one whose images travel meanwhile, and many more threads that decode.
    #[must_use]
    pub fn sharing(self) -> Sharing {
        match self {
            Self::Cpu => Sharing::Apiece,
            Self::OpenVino(_) => Sharing::AtOnce,
            Self::Cuda(_) => Sharing::InTurns(SESSIONS_CUDA),
        }
    }

    /// Whether a session is opened for a certain number of images and takes no other: each number
    /// would be planned for anew, which takes OpenVINO's its speed and CUDA's seconds.
    #[must_use]
    pub fn fixes_the_batch(self) -> bool {
        match self {
            Self::Cpu => false,
            Self::OpenVino(_) | Self::Cuda(_) => true,
        }
    }

    /// Whether the cores of this machine do the work.
    #[must_use]
    pub fn is_the_processor(self) -> bool {
        match self {
            Self::Cpu | Self::OpenVino(_) => true,
            Self::Cuda(_) => false,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::OpenVino(Arithmetic::Fp32) => f.write_str("openvino"),
            Self::OpenVino(Arithmetic::Bf16) => f.write_str("openvino:bf16"),
        }
    }
}

/// Whether this processor multiplies bf16 numbers itself. OpenVINO would else quietly take fp32.
#[must_use]
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        // AMX's tiles are no case of their own: what has them has these instructions too.
        std::is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Whether this processor adds up products of bytes without saturating on the way.
///
/// On x86-64 without VNNI, ONNX Runtime multiplies unsigned by signed bytes with an instruction
/// that saturates sums of two products at 16 bits, and its scores are wrong. The precise mode
/// avoids that instruction at some cost.
#[must_use]
pub fn has_exact_byte_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::is_x86_feature_detected!("avx512vnni") || std::is_x86_feature_detected!("avxvnni")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        true
    }
}

/// The processor in words: its architecture, the instruction sets that select ONNX Runtime's
/// kernels, and its model where the system tells.
#[must_use]
pub fn processor() -> String {
    let features = instruction_sets().join("+");
    let mut text = format!("{} {features}", std::env::consts::ARCH);
    if let Some(model) = processor_model() {
        text = format!("{text} ({model})");
    }
    text
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    let sets = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512", std::is_x86_feature_detected!("avx512f")),
        ("avxvnni", std::is_x86_feature_detected!("avxvnni")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
    ];
    present(&sets)
}

#[cfg(target_arch = "aarch64")]
fn instruction_sets() -> Vec<&'static str> {
    let sets = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
        ("sve", std::arch::is_aarch64_feature_detected!("sve")),
    ];
    present(&sets)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn present(sets: &[(&'static str, bool)]) -> Vec<&'static str> {
    sets.iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| *name)
        .collect()
}

/// The model's name as Linux gives it.
fn processor_model() -> Option<String> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for text in [
            "auto",
            "cpu",
            "cuda:0",
            "cuda:3",
            "openvino",
            "openvino:bf16",
        ] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
    }

    #[test]
    fn an_unknown_device_is_refused_with_what_there_is() {
        let wrong = [
            "gpu",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "openvino:",
            "openvino:fp64",
            "CPU",
            "",
        ];
        for text in wrong {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert!(error.contains("cuda:N"), "{error}");
        }
    }
}
