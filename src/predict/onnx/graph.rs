//! What an ONNX file says about itself before any engine loads it.
//!
//! ONNX files are protocol buffers; the few fields read here are numbered as in the standard's
//! `onnx.proto` (ONNX 1.17), and the wire format is that of protobuf's "Encoding" page. Everything
//! else is skipped over.

use std::collections::HashMap;

/// The metadata that a model's file carries, by key; `None` for what is no ONNX model.
#[must_use]
pub fn metadata(file: &[u8]) -> Option<HashMap<String, String>> {
    let mut all = HashMap::new();
    for field in Fields(file) {
        // ModelProto.metadata_props, of StringStringEntryProto.
        if let (14, Value::Bytes(entry)) = field? {
            let (mut key, mut value) = (String::new(), String::new());
            for field in Fields(entry) {
                match field? {
                    (1, Value::Bytes(bytes)) => key = text(bytes),
                    (2, Value::Bytes(bytes)) => value = text(bytes),
                    _ => {}
                }
            }
            all.insert(key, value);
        }
    }
    Some(all)
}

/// Facts about a model's graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphFacts {
    pub producer: String,
    /// Version of the standard operators.
    pub opset: Option<i64>,
    /// Number of stored weights.
    pub parameters: u64,
    /// How weights are stored: `int8` where the graph computes with bytes, else the type of most
    /// weights.
    pub precision: Option<&'static str>,
    /// Some weights lie in other files.
    pub external_weights: bool,
    /// What the first input's first dimension is called where the file leaves it open: the number of
    /// images of a run.
    pub batch_name: Option<String>,
    /// Each output's last operator that changes values, such as `Softmax`.
    pub makers: HashMap<String, String>,
    pub layers: Layers,
}

/// The convolutions and dense layers, which make up nearly all of a network's arithmetic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub counted: Vec<Layer>,
    /// Those whose weights are not stored in the file as such.
    pub uncounted: usize,
}

/// One convolution or dense layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name of the value that it makes.
    pub output: String,
    /// Products that each number of its output adds up.
    pub products: u64,
}

/// Operators that pass values on as they are, or nearly so.
const PASSING_ON: [&str; 7] = [
    "Identity",
    "Cast",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "DequantizeLinear",
];

/// Reads the facts, or `None` for what is no ONNX model.
#[must_use]
pub fn read(file: &[u8]) -> Option<GraphFacts> {
    let mut facts = GraphFacts::default();
    let mut graph = None;
    for field in Fields(file) {
        match field? {
            (2, Value::Bytes(name)) => facts.producer = text(name),
            (7, Value::Bytes(bytes)) => graph = Some(bytes),
            (8, Value::Bytes(bytes)) => {
                let mut domain = String::new();
                let mut version = None;
                for field in Fields(bytes) {
                    match field? {
                        (1, Value::Bytes(name)) => domain = text(name),
                        (2, Value::Number(number)) => version = i64::try_from(number).ok(),
                        _ => {}
                    }
                }
                if domain.is_empty() || domain == "ai.onnx" {
                    facts.opset = version;
                }
            }
            _ => {}
        }
    }
    read_graph(graph?, &mut facts)?;
    Some(facts)
}

fn read_graph(graph: &[u8], facts: &mut GraphFacts) -> Option<()> {
    // For each value its operator and that operator's first input.
    let mut made_by: HashMap<&[u8], (String, &[u8])> = HashMap::new();
    let mut nodes = Vec::new();
    let mut stored_shapes: HashMap<&[u8], Vec<u64>> = HashMap::new();
    let mut outputs = Vec::new();
    let mut weights: HashMap<u64, u64> = HashMap::new();
    let mut computes_with_bytes = false;
    let mut first_input = None;
    for field in Fields(graph) {
        match field? {
            (1, Value::Bytes(node)) => {
                let mut read = Node::default();
                for field in Fields(node) {
                    match field? {
                        (1, Value::Bytes(name)) => read.inputs.push(name),
                        (2, Value::Bytes(name)) => read.results.push(name),
                        (4, Value::Bytes(name)) => read.operator = text(name),
                        (5, Value::Bytes(attribute)) => read.attribute(attribute)?,
                        _ => {}
                    }
                }
                let operator = &read.operator;
                computes_with_bytes |= matches!(
                    operator.as_str(),
                    "QuantizeLinear"
                        | "QLinearConv"
                        | "ConvInteger"
                        | "MatMulInteger"
                        | "QLinearMatMul"
                );
                let input = read.inputs.first().copied().unwrap_or_default();
                for &result in &read.results {
                    made_by.insert(result, (operator.clone(), input));
                }
                if let (Some(value), Some(&result)) = (&read.value, read.results.first()) {
                    stored_shapes.insert(result, value.clone());
                }
                nodes.push(read);
            }
            (5, Value::Bytes(tensor)) => {
                let stored = read_tensor(tensor)?;
                facts.parameters += stored.numbers;
                facts.external_weights |= stored.external;
                *weights.entry(stored.data_type).or_default() += stored.numbers;
                stored_shapes.insert(stored.name, stored.shape);
            }
            (11, Value::Bytes(input)) => first_input = first_input.or(Some(input)),
            (12, Value::Bytes(output)) => {
                for field in Fields(output) {
                    if let (1, Value::Bytes(name)) = field? {
                        outputs.push(name);
                    }
                }
            }
            _ => {}
        }
    }
    facts.batch_name = first_input.and_then(first_dimension);
    let most = weights
        .into_iter()
        .max_by_key(|&(data_type, numbers)| (numbers, data_type))
        .map(|(data_type, _)| data_type);
    facts.precision = match most {
        _ if computes_with_bytes => Some("int8"),
        // The numbers of TensorProto.DataType.
        Some(1) => Some("fp32"),
        Some(10) => Some("fp16"),
        Some(16) => Some("bf16"),
        Some(2 | 3) => Some("int8"),
        _ => None,
    };
    for node in &nodes {
        let Some(weights) = node.weights() else {
            continue;
        };
        let mut value = weights;
        let mut shape = stored_shapes.get(value);
        // Weights of bytes pass through a DequantizeLinear; a damaged file might go round.
        for _ in 0..made_by.len() {
            match (shape, made_by.get(value)) {
                (None, Some((operator, input))) if KEEPING_SHAPE.contains(&operator.as_str()) => {
                    value = input;
                    shape = stored_shapes.get(value);
                }
                _ => break,
            }
        }
        match (
            shape.and_then(|shape| node.products(shape)),
            node.results.first(),
        ) {
            (Some(products), Some(output)) => facts.layers.counted.push(Layer {
                output: text(output),
                products,
            }),
            // The product of two computed values is no layer.
            _ if node.operator.starts_with("MatMul") => {}
            _ => facts.layers.uncounted += 1,
        }
    }
    for output in outputs {
        let mut value = output;
        // A graph has no cycles, but a damaged file might.
        for _ in 0..made_by.len() {
            match made_by.get(value) {
                Some((operator, input)) if PASSING_ON.contains(&operator.as_str()) => value = input,
                Some((operator, _)) => {
                    facts.makers.insert(text(output), operator.clone());
                    break;
                }
                None => break,
            }
        }
    }
    Some(())
}

/// The name of a value's first dimension, where it has one: ValueInfoProto.type, .tensor_type, .shape,
/// .dim, .dim_param.
fn first_dimension(value: &[u8]) -> Option<String> {
    let path = [2, 1, 2, 1, 2];
    let name = path.into_iter().try_fold(value, first_within)?;
    (!name.is_empty()).then(|| text(name))
}

/// The first field of this number in a message, of those that are made of bytes.
fn first_within(message: &[u8], wanted: u64) -> Option<&[u8]> {
    Fields(message).find_map(|field| match field? {
        (number, Value::Bytes(bytes)) if number == wanted => Some(bytes),
        _ => None,
    })
}

/// Operators between stored weights and the layer that uses them that leave their shape.
const KEEPING_SHAPE: [&str; 3] = ["DequantizeLinear", "Cast", "Identity"];

/// What is read of one operation.
#[derive(Default)]
struct Node<'a> {
    operator: String,
    inputs: Vec<&'a [u8]>,
    results: Vec<&'a [u8]>,
    /// `Gemm` takes its weights turned over.
    turned: bool,
    /// The shape of a `Constant`'s value.
    value: Option<Vec<u64>>,
}

impl<'a> Node<'a> {
    fn attribute(&mut self, attribute: &[u8]) -> Option<()> {
        let (mut name, mut number, mut tensor) = (String::new(), 0, None);
        for field in Fields(attribute) {
            match field? {
                (1, Value::Bytes(bytes)) => name = text(bytes),
                (3, Value::Number(value)) => number = value,
                (5, Value::Bytes(bytes)) => tensor = Some(bytes),
                _ => {}
            }
        }
        match (name.as_str(), tensor) {
            ("transB", _) => self.turned = number != 0,
            ("value", Some(tensor)) => self.value = Some(read_tensor(tensor)?.shape),
            _ => {}
        }
        Some(())
    }

    /// The weights' name, if this is a convolution or a dense layer.
    fn weights(&self) -> Option<&'a [u8]> {
        let place = match self.operator.as_str() {
            "Conv" | "FusedConv" | "ConvInteger" | "Gemm" | "FusedGemm" | "MatMul"
            | "MatMulInteger" => 1,
            "QLinearConv" | "QLinearMatMul" => 3,
            _ => return None,
        };
        self.inputs.get(place).copied()
    }

    /// Products a number of the output, by the weights' shape: `[out, in / group, h, w]` of a
    /// convolution, `[in, out]` of a dense layer.
    fn products(&self, shape: &[u64]) -> Option<u64> {
        if self.operator.contains("Conv") {
            return Some(shape.get(1..)?.iter().product());
        }
        let [.., ins, outs] = *shape else { return None };
        Some(if self.turned { outs } else { ins })
    }
}

struct StoredTensor<'a> {
    name: &'a [u8],
    shape: Vec<u64>,
    numbers: u64,
    data_type: u64,
    external: bool,
}

fn read_tensor(tensor: &[u8]) -> Option<StoredTensor<'_>> {
    let mut stored = StoredTensor {
        name: &[],
        shape: Vec::new(),
        numbers: 1,
        data_type: 0,
        external: false,
    };
    for field in Fields(tensor) {
        match field? {
            (1, Value::Number(size)) => stored.shape.push(size),
            // Dimensions may also come packed.
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    let (size, rest) = varint(packed)?;
                    stored.shape.push(size);
                    packed = rest;
                }
            }
            (2, Value::Number(number)) => stored.data_type = number,
            (8, Value::Bytes(name)) => stored.name = name,
            // DataLocation.EXTERNAL.
            (14, Value::Number(1)) => stored.external = true,
            _ => {}
        }
    }
    stored.numbers = stored
        .shape
        .iter()
        .fold(1, |numbers, &size| numbers.saturating_mul(size));
    Some(stored)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes that nothing here reads.
    Fixed,
}

/// The fields of one message: number and value, or `None` once where the bytes are damaged.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let (key, rest) = varint(self.0)?;
        self.0 = rest;
        let value = match key & 7 {
            0 => {
                let (number, rest) = varint(self.0)?;
                self.0 = rest;
                Value::Number(number)
            }
            1 => {
                self.take(8)?;
                Value::Fixed
            }
            2 => {
                let (length, rest) = varint(self.0)?;
                self.0 = rest;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// A number of up to ten bytes, seven bits each, low ones first; and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn the_last_operator_and_the_precision_are_read_from_the_file() {
        let facts = |name: &str| read(&fixture(name)).unwrap();
        let softmax = facts("nhwc_probabilities.onnx");
        assert_eq!(softmax.makers["scores"], "Softmax");
        assert_eq!(softmax.precision, Some("fp32"));
        assert_eq!(softmax.opset, Some(17));
        assert_eq!(softmax.producer, "make_models.py");
        assert!(!softmax.external_weights);
        // Two convolutions of 3 → 8 → 12 channels and a dense layer of 2, with their biases.
        let expected = (8 * 27 + 8) + (12 * 72 + 12) + (12 * 2 + 2);
        assert_eq!(softmax.parameters, expected);
        let products: Vec<u64> = softmax
            .layers
            .counted
            .iter()
            .map(|one| one.products)
            .collect();
        assert_eq!(products, [27, 72, 12]);
        assert_eq!(softmax.layers.uncounted, 0);
        assert_eq!(facts("nchw_logits.onnx").makers["scores"], "Gemm");
        assert_eq!(facts("contract_sigmoid.onnx").makers["scores"], "Sigmoid");
        assert_eq!(facts("contract_int8.onnx").precision, Some("int8"));
        assert_eq!(softmax.batch_name.as_deref(), Some("N"));
        assert_eq!(facts("contract_batch_3.onnx").batch_name, None);
    }

    #[test]
    fn metadata_is_read_without_an_engine() {
        let metadata = metadata(&fixture("contract.onnx")).unwrap();
        assert_eq!(metadata["hvmap.contract"], "1");
        assert!(metadata.contains_key("hvmap.canary_images"));
    }

    #[test]
    fn a_file_cut_anywhere_is_no_model_and_no_panic() {
        let file = fixture("nchw_logits.onnx");
        for length in (0..file.len()).step_by(7) {
            // Whether the facts come out depends on where the cut falls; only a panic is wrong.
            let _ = read(&file[..length]);
            let _ = metadata(&file[..length]);
        }
        assert_eq!(read(&file[..file.len() / 2]), None);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"not an onnx file at all"), None);
    }
}
