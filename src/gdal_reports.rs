//! GDAL's own error reports, kept off stderr and turned into ours: for all modules that read by
//! GDAL.

use std::{
    cell::RefCell,
    ffi::{CStr, c_char},
    marker::PhantomData,
};

use gdal_sys::{CPLErr, CPLErrorNum};

thread_local! {
    /// The first failure since the last question, which names the cause; later ones only follow.
    static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// While it lives, this thread's GDAL reports go to the log at debug level, not to stderr.
pub(crate) struct Quiet {
    /// The handler is pushed on this thread's stack, so the guard must be dropped on it too.
    _this_thread: PhantomData<*const ()>,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        // SAFETY: pushes on the thread's own stack; `drop` pops it on the same thread.
        unsafe { gdal_sys::CPLPushErrorHandler(Some(report)) };
        Self {
            _this_thread: PhantomData,
        }
    }

    /// Runs an action of GDAL's. Where it gives nothing, says what failed and why.
    pub(crate) fn run<T>(
        &self,
        what: &str,
        action: impl FnOnce() -> Option<T>,
    ) -> Result<T, String> {
        take_failure();
        action().ok_or_else(|| match take_failure() {
            Some(cause) => format!("{what} ({cause})"),
            None => what.to_owned(),
        })
    }
}

/// The first failure that GDAL reported on this thread since the last question.
pub(crate) fn take_failure() -> Option<String> {
    FAILURE.with_borrow_mut(Option::take)
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: pops what `new` pushed.
        unsafe { gdal_sys::CPLPopErrorHandler() };
    }
}

unsafe extern "C" fn report(class: CPLErr::Type, _number: CPLErrorNum, message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: GDAL passes a NUL-terminated text that lives through the call.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let message = message.trim().trim_end_matches('.');
    tracing::debug!(class, "GDAL: {message}");
    if class >= CPLErr::CE_Failure {
        FAILURE.with_borrow_mut(|failure| {
            failure.get_or_insert_with(|| message.to_owned());
        });
    }
}
