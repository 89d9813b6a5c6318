//! From a [`View`] or an [`ApiError`] to an HTTP response.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hale_model::api::{ApiError, ErrorKind};
use hale_model::text::printable;
use serde::Serialize;

/// A request that is not answered: `{"error":{"kind","message","hint"}}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: ApiError,
    retry_after_secs: Option<u32>,
}

#[derive(Serialize)]
struct Body {
    error: ApiError,
}

impl Refusal {
    fn new(status: StatusCode, kind: ErrorKind, message: &str, hint: &str) -> Self {
        let error = ApiError::new(kind, printable(message)).hint(hint);
        Refusal { status, error, retry_after_secs: None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn error(&self) -> &ApiError {
        &self.error
    }

    pub(crate) fn bad_request(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::Usage, message, hint)
    }

    /// It was understood, and there is no answer to it.
    pub(crate) fn unprocessable(error: ApiError) -> Self {
        Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, error, retry_after_secs: None }
    }

    pub(crate) fn too_large(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::Usage, message, hint)
    }

    pub(crate) fn headers_too_large(message: &str, hint: &str) -> Self {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, ErrorKind::Usage, message, hint)
    }

    pub(crate) fn unauthorized(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorKind::Refused, message, hint)
    }

    pub(crate) fn forbidden(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorKind::Refused, message, hint)
    }

    pub(crate) fn misdirected(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, ErrorKind::Refused, message, hint)
    }

    pub(crate) fn not_found(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorKind::NotFound, message, hint)
    }

    pub(crate) fn method_not_allowed(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::Usage, message, hint)
    }

    pub(crate) fn timed_out(message: &str, hint: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Degraded, message, hint)
    }

    /// There is no room now.
    pub(crate) fn busy(message: &str, hint: &str, retry_after_secs: u32) -> Self {
        let refusal =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Degraded, message, hint);
        Refusal { retry_after_secs: Some(retry_after_secs), ..refusal }
    }

    /// This client asks too often.
    pub(crate) fn too_many(message: &str, hint: &str, retry_after_secs: u32) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorKind::Refused, message, hint);
        Refusal { retry_after_secs: Some(retry_after_secs), ..refusal }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let status = match error.kind {
            ErrorKind::Usage => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Refused => StatusCode::FORBIDDEN,
            ErrorKind::NeedsApproval => StatusCode::CONFLICT,
            ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Degraded => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refusal { status, error, retry_after_secs: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error: self.error })).into_response();
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
            // Whoever is to come back later does not hold a place meanwhile.
            if self.status == StatusCode::SERVICE_UNAVAILABLE {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
        }
        response
    }
}

/// A handle that answers a question with the view of another one.
pub(crate) fn unexpected_view() -> Refusal {
    Refusal::from(ApiError::new(ErrorKind::Failed, "the agent answered something else than asked"))
}
