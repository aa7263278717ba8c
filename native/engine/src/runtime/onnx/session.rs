//! A session of ONNX Runtime that runs a model.

use std::{
    ffi::{CString, c_void},
    fmt::Debug,
    ptr::{self, NonNull},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use half::f16;
use ort::{
    AsPointer, Error,
    environment::Environment,
    ep,
    session::{Session, builder::GraphOptimizationLevel},
    sys,
    value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef},
};

use menagerie_contract::Dtype;
use menagerie_graph::onnx::OnnxModel;

use crate::{
    EngineError,
    runtime::{Input, Output, Values},
};

/// How long the other threads of a run look for its next layer before they sleep, in microseconds. Without it two threads are
/// hardly faster than one; ONNX Runtime's own choice keeps cores busy for milliseconds that other runs could use.
const SPIN_MICROSECONDS: &str = "50";

/// Which threads make a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// As many for each run: the one that asks for it, helped by those of the session.
    Each(u32),
    /// As many for all runs. One run at a time is made by the thread that asks for it, helped by those of the session that
    /// are free; each one beside it by a thread of the session. So a run that goes on alone has all of them, and of as many
    /// runs as there are threads none waits for another's layers.
    All(u32),
}

/// A model with one input and one output, ready to run. Runs may go on side by side.
pub struct OnnxSession {
    session: Session,
    input: CString,
    output: CString,
    threads: Threads,
    /// With [`Threads::All`]: whether a thread that asked makes its run itself.
    is_taken: AtomicBool,
}

impl OnnxSession {
    /// Opens a session on a serialised `ModelProto`, which is not needed afterwards, whose runs are made by `threads`.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with ONNX Runtime's reason.
    pub fn open(environment: &Environment, model: &OnnxModel, threads: Threads) -> Result<Self, EngineError> {
        let name = |name: &str| {
            CString::new(name).map_err(|_| EngineError::GraphRefused(format!("it holds no tensor {name:?}")))
        };
        Ok(Self {
            session: commit(environment, &model.bytes, threads)
                .map_err(|error| EngineError::GraphRefused(first_line(error.message())))?,
            input: name(&model.input)?,
            output: name(&model.output)?,
            threads,
            is_taken: AtomicBool::new(false),
        })
    }

    /// Runs the model.
    ///
    /// # Errors
    /// [`EngineError::Run`] with ONNX Runtime's reason; [`EngineError::OutputShape`] where the output holds no numbers.
    pub fn run(&self, input: &Input<'_>) -> Result<Output, EngineError> {
        match input.dtype {
            Dtype::Float32 => self.run_on::<f32>(input, |fill, values| fill(Values::Float32(values))),
            Dtype::Uint8 => self.run_on::<u8>(input, |fill, values| fill(Values::Uint8(values))),
        }
    }

    fn run_on<T: PrimitiveTensorElementType + Default + Clone + Debug + 'static>(
        &self,
        Input { shape, fill, .. }: &Input<'_>,
        write: impl FnOnce(&dyn Fn(Values<'_>), &mut [T]),
    ) -> Result<Output, EngineError> {
        let failed = |error: &Error| EngineError::Run(first_line(error.message()));
        let mut values = zeros::<T>(shape).ok_or_else(|| EngineError::no_memory(shape))?;
        write(fill, &mut values);
        let tensor =
            TensorRef::from_array_view((shape.as_slice(), values.as_slice())).map_err(|error| failed(&error))?;
        let output = self.run_raw(tensor.ptr()).map_err(|error| failed(&error))?;
        read(&output)
    }

    fn run_raw(&self, input: *const sys::OrtValue) -> ort::Result<DynValue> {
        let mut output = ptr::null_mut();
        if !matches!(self.threads, Threads::All(2..)) {
            self.run_here(input, &mut output)?;
        } else if self.is_taken.swap(true, Ordering::Acquire) {
            self.run_in_pool(input, &mut output)?;
        } else {
            let run = self.run_here(input, &mut output);
            self.is_taken.store(false, Ordering::Release);
            run?;
        }
        let output = NonNull::new(output).ok_or_else(|| Error::new("it gave no output"))?;
        // SAFETY: the session made the value for us, with an allocator that lives as long as the environment.
        Ok(unsafe { DynValue::from_ptr(output, Some(self.session.allocator())) })
    }

    /// `Session::run` of `ort` wants the session for itself, for the sake of execution providers of other kinds.
    fn run_here(&self, input: *const sys::OrtValue, output: &mut *mut sys::OrtValue) -> ort::Result<()> {
        // SAFETY: session, names and input are live, and one of each is named. `Run` may be called from many threads at once
        // on the CPU (https://github.com/microsoft/onnxruntime/issues/114). The status is the call's own.
        unsafe {
            Error::result_from_status((ort::api().Run)(
                self.session.ptr().cast_mut(),
                ptr::null(),
                &self.input.as_ptr(),
                &raw const input,
                1,
                &self.output.as_ptr(),
                1,
                output,
            ))
        }
    }

    /// Has a thread of the session make the run, and waits for it.
    fn run_in_pool(&self, input: *const sys::OrtValue, output: &mut *mut sys::OrtValue) -> ort::Result<()> {
        let (done, end) = mpsc::sync_channel::<ort::Result<()>>(1);
        let (input_name, output_name) = (self.input.as_ptr(), self.output.as_ptr());
        // SAFETY: as of `Run`. Names, input, output and sender live until the callback has been called, which is waited for;
        // it is not called where the call itself fails.
        unsafe {
            Error::result_from_status((ort::api().RunAsync)(
                self.session.ptr().cast_mut(),
                ptr::null(),
                &raw const input_name,
                &raw const input,
                1,
                &raw const output_name,
                1,
                output,
                Some(ended),
                (&raw const done).cast_mut().cast(),
            ))?;
        }
        end.recv().map_err(|_| Error::new("the run did not end"))?
    }
}

/// Says how a run has ended to the [`mpsc::SyncSender`] that `done` points to.
unsafe extern "C" fn ended(done: *mut c_void, _: *mut *mut sys::OrtValue, _: usize, status: sys::OrtStatusPtr) {
    // SAFETY: `run_in_pool` keeps the sender until it has received. The copy is what is sent with, for the sender may be
    // gone as soon as it has.
    let done = unsafe { &*done.cast::<mpsc::SyncSender<ort::Result<()>>>() }.clone();
    // SAFETY: the status is the callback's to free.
    let run = unsafe { Error::result_from_status(status) };
    let _: Result<(), mpsc::SendError<_>> = done.send(run);
}

fn commit(environment: &Environment, bytes: &[u8], threads: Threads) -> ort::Result<Session> {
    let (Threads::Each(count) | Threads::All(count)) = threads;
    let builder = Session::builder(environment)?
        .with_intra_threads(count.max(1) as usize)?
        .with_inter_threads(1)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?
        // A plan of the memory for each batch that came takes more than it saves.
        .with_memory_pattern(false)?
        .with_env_allocators()?;
    builder.with_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)?.commit_from_memory(bytes)
}

/// Zeros for a tensor; `None` where there is no memory.
fn zeros<T: Default + Clone>(shape: &[i64]) -> Option<Vec<T>> {
    let count = shape.iter().try_fold(1_usize, |count, axis| count.checked_mul(usize::try_from(*axis).ok()?))?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    values.resize(count, T::default());
    Some(values)
}

fn read(output: &DynValue) -> Result<Output, EngineError> {
    let no_numbers = |what: String| EngineError::OutputShape(format!("its output {what}, not numbers"));
    let Some(element) = output.dtype().tensor_type() else {
        return Err(no_numbers(format!("is a {}", output.dtype())));
    };
    let values = match element {
        TensorElementType::Float32 => values::<f32>(output, |value| value),
        TensorElementType::Float16 => values::<f16>(output, f16::to_f32),
        TensorElementType::Float64 => values::<f64>(output, |value| value as f32),
        TensorElementType::Int64 => values::<i64>(output, |value| value as f32),
        TensorElementType::Int32 => values::<i32>(output, |value| value as f32),
        TensorElementType::Uint8 => values::<u8>(output, f32::from),
        other => return Err(no_numbers(format!("has element type {other}"))),
    };
    values.map_err(|error| no_numbers(format!("cannot be read ({error})")))
}

fn values<T: PrimitiveTensorElementType + Copy>(output: &DynValue, number: impl Fn(T) -> f32) -> ort::Result<Output> {
    let (shape, values) = output.try_extract_tensor::<T>()?;
    Ok(Output { shape: shape.to_vec(), values: values.iter().map(|value| number(*value)).collect() })
}

/// The reason without what ONNX Runtime prints below it.
fn first_line(message: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    message.lines().next().unwrap_or_default().chars().take(CHARACTERS_MAX).collect()
}
