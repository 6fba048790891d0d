//! Responses: an answer's JSON or text, or why there is none.

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tonic::Code;

use crate::serve::failure::{Failure, RETRY_AFTER_S};

/// An answer that is an error. Its status is mostly the one that TF Serving gives to the code.
pub(super) struct Refused {
    pub status: StatusCode,
    pub failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            status: status_of(failure.code),
            failure,
        }
    }
}

/// The status that TF Serving gives to a code.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // Nobody reads the answer to a cancelled request, whose status 499 has no name.
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"error": self.failure.text}).to_string();
        let mut response = json(self.status, body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }
}

pub(super) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

pub(super) fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        body.into(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_statuses_that_tf_serving_gives_them() {
        for (status, codes) in [
            (
                400,
                &[
                    Code::InvalidArgument,
                    Code::FailedPrecondition,
                    Code::OutOfRange,
                ][..],
            ),
            (401, &[Code::Unauthenticated]),
            (403, &[Code::PermissionDenied]),
            (404, &[Code::NotFound]),
            (409, &[Code::AlreadyExists, Code::Aborted]),
            (429, &[Code::ResourceExhausted]),
            (500, &[Code::Unknown, Code::Internal, Code::DataLoss]),
            (501, &[Code::Unimplemented]),
            (503, &[Code::Unavailable]),
            (504, &[Code::DeadlineExceeded]),
        ] {
            for code in codes {
                assert_eq!(status_of(*code), status, "{code:?}");
            }
        }
    }
}
