//! What an ONNX file says about itself before any engine loads it.
//!
//! In: the whole file. Out: facts, which keep nothing of it. Its messages are those of
//! `proto/onnx.proto`, which leaves the weights out: they are passed over, and the names are slices
//! of the file until they become facts.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message;

use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    tensor_proto::{DataLocation, DataType},
};

/// The metadata that a model's file carries, by key; `None` for what is no ONNX model.
#[must_use]
pub fn metadata(file: Bytes) -> Option<HashMap<String, String>> {
    let model = ModelProto::decode(file).ok()?;
    Some(
        model
            .metadata_props
            .iter()
            .map(|entry| (text(entry.key()), text(entry.value())))
            .collect(),
    )
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

/// Operators between stored weights and the layer that uses them that leave their shape.
const KEEPING_SHAPE: [&str; 3] = ["DequantizeLinear", "Cast", "Identity"];

/// Operators that compute with bytes.
const OF_BYTES: [&str; 5] = [
    "QuantizeLinear",
    "QLinearConv",
    "ConvInteger",
    "MatMulInteger",
    "QLinearMatMul",
];

/// Reads the facts, or `None` for what is no ONNX model.
#[must_use]
pub fn read(file: Bytes) -> Option<GraphFacts> {
    let model = ModelProto::decode(file).ok()?;
    let graph = model.graph.as_ref()?;
    let values = Values::of(graph);
    Some(GraphFacts {
        producer: text(model.producer_name()),
        opset: model
            .opset_import
            .iter()
            .rfind(|set| matches!(set.domain(), b"" | b"ai.onnx"))
            .and_then(|set| set.version),
        parameters: graph
            .initializer
            .iter()
            .map(TensorProto::numbers)
            .fold(0, u64::saturating_add),
        precision: precision(graph),
        external_weights: graph
            .initializer
            .iter()
            .any(|weights| weights.data_location() == DataLocation::External),
        batch_name: graph.input.first().and_then(first_dimension),
        makers: graph
            .output
            .iter()
            .filter_map(|output| {
                let maker = values.maker(output.name())?;
                Some((text(output.name()), text(maker)))
            })
            .collect(),
        layers: layers(graph, &values),
    })
}

/// Where a graph's values come from, by their names.
struct Values<'a> {
    made_by: HashMap<&'a [u8], &'a NodeProto>,
    /// Shapes of the numbers that the file holds.
    stored: HashMap<&'a [u8], &'a [i64]>,
}

impl<'a> Values<'a> {
    fn of(graph: &'a GraphProto) -> Self {
        let mut made_by = HashMap::new();
        let mut stored = HashMap::new();
        for node in &graph.node {
            made_by.extend(node.output.iter().map(|name| (&name[..], node)));
            if let (Some(value), Some(name)) = (node.constant(), node.output.first()) {
                stored.insert(&name[..], &value.dims[..]);
            }
        }
        for tensor in &graph.initializer {
            stored.insert(tensor.name(), &tensor.dims[..]);
        }
        Self { made_by, stored }
    }

    /// The last operator that changed this value.
    fn maker(&self, mut value: &'a [u8]) -> Option<&'a [u8]> {
        // A graph has no cycles, but a damaged file might.
        for _ in 0..self.made_by.len() {
            let node = self.made_by.get(value)?;
            if !node.is_one_of(&PASSING_ON) {
                return Some(node.op_type());
            }
            value = node.first_input();
        }
        None
    }

    /// The shape of stored weights, through operators that leave it as it is: weights of bytes pass
    /// through a DequantizeLinear.
    fn shape_of_weights(&self, mut value: &'a [u8]) -> Option<&'a [i64]> {
        // A damaged file might go round.
        for _ in 0..self.made_by.len() {
            match (self.stored.get(value), self.made_by.get(value)) {
                (None, Some(node)) if node.is_one_of(&KEEPING_SHAPE) => value = node.first_input(),
                _ => break,
            }
        }
        self.stored.get(value).copied()
    }
}

/// How the graph computes: `int8` where it does so with bytes, else the type of most weights.
fn precision(graph: &GraphProto) -> Option<&'static str> {
    if graph.node.iter().any(|node| node.is_one_of(&OF_BYTES)) {
        return Some("int8");
    }
    let mut numbers: HashMap<i32, u64> = HashMap::new();
    for weights in &graph.initializer {
        let of_type = numbers.entry(weights.data_type()).or_default();
        *of_type = of_type.saturating_add(weights.numbers());
    }
    let (of_most, _) = numbers
        .into_iter()
        .max_by_key(|&(data_type, numbers)| (numbers, data_type))?;
    match DataType::try_from(of_most) {
        Ok(DataType::Float) => Some("fp32"),
        Ok(DataType::Float16) => Some("fp16"),
        Ok(DataType::Bfloat16) => Some("bf16"),
        Ok(DataType::Uint8 | DataType::Int8) => Some("int8"),
        // Among them types that are newer than this program.
        _ => None,
    }
}

fn layers(graph: &GraphProto, values: &Values<'_>) -> Layers {
    let mut layers = Layers::default();
    for node in &graph.node {
        let Some(weights) = node.weights() else {
            continue;
        };
        let products = values
            .shape_of_weights(weights)
            .and_then(|shape| node.products(shape));
        match (products, node.output.first()) {
            (Some(products), Some(output)) => layers.counted.push(Layer {
                output: text(output),
                products,
            }),
            // The product of two computed values is no layer.
            _ if node.op_type().starts_with(b"MatMul") => {}
            _ => layers.uncounted += 1,
        }
    }
    layers
}

/// The name of a value's first dimension, where it has one.
fn first_dimension(value: &ValueInfoProto) -> Option<String> {
    let shape = value
        .r#type
        .as_ref()?
        .tensor_type
        .as_ref()?
        .shape
        .as_ref()?;
    let name = shape.dim.first()?.dim_param.as_ref()?;
    (!name.is_empty()).then(|| text(name))
}

impl NodeProto {
    fn is_one_of(&self, operators: &[&str]) -> bool {
        operators
            .iter()
            .any(|operator| operator.as_bytes() == self.op_type())
    }

    fn first_input(&self) -> &[u8] {
        self.input.first().map_or(&[], |name| name)
    }

    fn attributes(&self, name: &str) -> impl DoubleEndedIterator<Item = &AttributeProto> {
        self.attribute
            .iter()
            .filter(move |attribute| attribute.name() == name.as_bytes())
    }

    /// The value of a `Constant`.
    fn constant(&self) -> Option<&TensorProto> {
        self.attributes("value")
            .rev()
            .find_map(|attribute| attribute.t.as_ref())
    }

    /// `Gemm` may take its weights turned over.
    fn is_turned(&self) -> bool {
        let mut all = self.attributes("transB");
        all.next_back().is_some_and(|attribute| attribute.i() != 0)
    }

    /// The weights' name, if this is a convolution or a dense layer.
    fn weights(&self) -> Option<&[u8]> {
        let position = match self.op_type() {
            b"Conv" | b"FusedConv" | b"ConvInteger" | b"Gemm" | b"FusedGemm" | b"MatMul"
            | b"MatMulInteger" => 1,
            b"QLinearConv" | b"QLinearMatMul" => 3,
            _ => return None,
        };
        self.input.get(position).map(|name| &name[..])
    }

    /// Products a number of the output, by the weights' shape: `[out, in / group, h, w]` of a
    /// convolution, `[in, out]` of a dense layer.
    fn products(&self, shape: &[i64]) -> Option<u64> {
        if self.op_type().windows(4).any(|part| part == b"Conv") {
            return Some(product(shape.get(1..)?));
        }
        let [.., ins, outs] = *shape else { return None };
        Some(if self.is_turned() { outs } else { ins }.cast_unsigned())
    }
}

impl TensorProto {
    fn numbers(&self) -> u64 {
        product(&self.dims)
    }
}

/// Sizes are not negative; those of a damaged file come out too large, and none overflows.
fn product(sizes: &[i64]) -> u64 {
    sizes
        .iter()
        .fold(1, |all: u64, size| all.saturating_mul(size.cast_unsigned()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::proto::unknown_fields, *};

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    fn read(file: &[u8]) -> Option<GraphFacts> {
        super::read(Bytes::copy_from_slice(file))
    }

    fn metadata(file: &[u8]) -> Option<HashMap<String, String>> {
        super::metadata(Bytes::copy_from_slice(file))
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

    #[test]
    fn fields_that_the_schema_here_lacks_are_passed_over() {
        let file = fixture("nhwc_probabilities.onnx");
        let plain = read(&file).unwrap();
        assert_eq!(read(&[&file, &unknown_fields()[..]].concat()), Some(plain));
    }
}
