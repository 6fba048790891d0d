//! What a session says of its model's inputs and outputs.

use ort::{
    session::Session,
    value::{Outlet, TensorElementType, ValueType},
};

use crate::predict::{ElementType, Port, Signature};

/// A session's inputs and outputs.
#[must_use]
pub fn signature(session: &Session) -> Signature {
    Signature {
        inputs: session.inputs().iter().map(port).collect(),
        outputs: session.outputs().iter().map(port).collect(),
    }
}

/// One of them; what is no tensor has no sizes.
pub fn port(outlet: &Outlet) -> Port {
    let (element, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => (element(*ty), Some(shape.to_vec())),
        _ => (ElementType::Other("no tensor".into()), None),
    };
    Port {
        name: outlet.name().to_owned(),
        element,
        shape,
    }
}

fn element(ty: TensorElementType) -> ElementType {
    match ty {
        TensorElementType::Float32 => ElementType::Float32,
        TensorElementType::Uint8 => ElementType::Uint8,
        TensorElementType::Float16 => ElementType::Other("float16".into()),
        other => ElementType::Other(other.to_string()),
    }
}
