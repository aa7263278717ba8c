//! The weights that make the loss least.

use argmin::{
    core::{Executor, State},
    solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS},
};

use crate::{TeachError, loss::Loss};

/// Steps that the optimiser remembers (Nocedal and Wright, Numerical Optimization, 2006, section 7.2: 3 to 20).
const MEMORY: usize = 10;
/// The gradient's length, and what a step gains, below which the loss is least.
const GRADIENT_MIN: f64 = 1e-5;
const GAIN_MIN: f64 = 1e-10;

/// The parameters that make `loss` least, from `start` on, in `steps_max` steps at most.
pub fn fit(loss: Loss<'_>, start: Vec<f64>, steps_max: u64) -> Result<Vec<f64>, TeachError> {
    let unfit = |error: argmin::core::Error| TeachError::Fit(error.to_string());
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(GRADIENT_MIN)
        .and_then(|solver| solver.with_tolerance_cost(GAIN_MIN))
        .map_err(unfit)?;
    let found = Executor::new(loss, solver)
        .configure(|state| state.param(start).max_iters(steps_max))
        .timer(false)
        .run()
        .map_err(unfit)?;
    let best = found.state().get_best_param().cloned();
    let best = best.filter(|best| best.iter().all(|value| value.is_finite()));
    best.ok_or_else(|| TeachError::Fit("the optimiser found no finite weights".into()))
}
