//! Work in Node's thread pool, with a promise for its outcome.

use menagerie_contract::Problem;
use napi::{
    Env, Error, JsValue, Result, Status, Task,
    bindgen_prelude::{AsyncTask, JsObjectValue, ToNapiValue, TypeName},
};

type Work<T> = Box<dyn FnOnce() -> std::result::Result<T, Problem> + Send>;

/// Work that resolves to `T`, or rejects with an `Error` whose `code` is the problem's.
pub struct OffThread<T> {
    work: Option<Work<T>>,
    problem: Option<Problem>,
}

impl<T: Send + ToNapiValue + TypeName + 'static> OffThread<T> {
    /// Hands `work` to the thread pool.
    pub fn start(work: impl FnOnce() -> std::result::Result<T, Problem> + Send + 'static) -> AsyncTask<Self> {
        AsyncTask::new(Self { work: Some(Box::new(work)), problem: None })
    }
}

impl<T: Send + ToNapiValue + TypeName + 'static> Task for OffThread<T> {
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> Result<T> {
        let work = self.work.take().ok_or_else(|| Error::new(Status::GenericFailure, "the work is done already"))?;
        work().map_err(|problem| {
            let error = Error::new(Status::GenericFailure, problem.message.clone());
            self.problem = Some(problem);
            error
        })
    }

    fn resolve(&mut self, _env: Env, output: T) -> Result<T> {
        Ok(output)
    }

    fn reject(&mut self, env: Env, error: Error) -> Result<T> {
        let Some(problem) = self.problem.take() else { return Err(error) };
        let mut rejection = env.create_error(error)?;
        rejection.set_named_property("code", problem.code.as_str())?;
        Err(Error::from(rejection.to_unknown()))
    }
}
