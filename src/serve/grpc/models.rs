//! `ModelService`: how the versions of a model fare.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::spec;
use crate::{
    serve::{repository::State, service::Service},
    wire::tensorflow::serving::{
        GetModelStatusRequest, GetModelStatusResponse, ModelVersionStatus, ReloadConfigRequest,
        ReloadConfigResponse, StatusProto, model_service_server::ModelService,
        model_version_status,
    },
};

pub(super) struct Models(pub Arc<Service>);

#[tonic::async_trait]
impl ModelService for Models {
    async fn get_model_status(
        &self,
        request: Request<GetModelStatusRequest>,
    ) -> Result<Response<GetModelStatusResponse>, Status> {
        let (spec, version) = spec(request.into_inner().model_spec)?;
        let versions = self.0.statuses(&spec.name, version.as_ref())?;
        let model_version_status = versions
            .iter()
            .rev()
            .map(|(&version, status)| ModelVersionStatus {
                version: version as i64,
                state: match status.state {
                    State::Loading => model_version_status::State::Loading,
                    State::Available => model_version_status::State::Available,
                    State::End => model_version_status::State::End,
                }
                .into(),
                status: Some(StatusProto {
                    error_code: match status.error {
                        Some(_) => tonic::Code::Unknown.into(),
                        None => tonic::Code::Ok.into(),
                    },
                    error_message: status.error.clone().unwrap_or_default(),
                }),
            })
            .collect();
        Ok(Response::new(GetModelStatusResponse {
            model_version_status,
        }))
    }

    async fn handle_reload_config_request(
        &self,
        _request: Request<ReloadConfigRequest>,
    ) -> Result<Response<ReloadConfigResponse>, Status> {
        Err(Status::unimplemented(
            "the models of this server are named when it starts; new versions of them are found by \
             themselves",
        ))
    }
}
