//! What a program promises, each with the way in which it is tried.

use std::time::Duration;

use menagerie_contract::{Frame, ModelSpec, OutputKind, SpecOverrides, counted, frame::PROTOCOL};

use super::{
    Trial,
    program::{Program, Reply, encode},
};

pub struct Promise {
    pub name: &'static str,
    pub says: &'static str,
    pub keep: fn(&Trial) -> Result<(), String>,
    /// Without it, none of the others can be tried.
    pub is_base: bool,
}

const fn base(name: &'static str, says: &'static str, keep: fn(&Trial) -> Result<(), String>) -> Promise {
    Promise { name, says, keep, is_base: true }
}

const fn promise(name: &'static str, says: &'static str, keep: fn(&Trial) -> Result<(), String>) -> Promise {
    Promise { name, says, keep, is_base: false }
}

pub const PROMISES: &[Promise] = &[
    base("hello", "speaks first, of protocol 2", hello),
    base("load", "answers load with settings that a photo can be made for", load),
    base("infer", "answers an image with a score for each class", infer),
    promise("ping", "answers ping with pong, before the load and after it", ping),
    promise("settings", "refuses a setting that it does not follow", settings),
    promise("same", "gives the same scores for the same pixels", same),
    promise("batch", "answers several images of one frame as each alone, in their order", batch),
    promise("ids", "answers frames that come together, each with its request id", ids),
    promise("whole", "answers once the whole frame came, in whatever pieces", whole),
    promise("error", "answers pixels that do not fit with an error, and goes on", error),
    promise("garbage", "ends where bytes come that are no frame", garbage),
    promise("cut", "ends where its input ends within a frame", cut),
    promise("finish", "answers what it has begun when its input ends, and ends with 0", finish),
    promise("end", "ends with 0 when its input ends before a load", end),
];

/// Scores of the same pixels may differ by so much: threads add up in any order.
const TOLERANCE: f32 = 1e-3;
/// Long enough that a program that answers early has done so.
const EARLY: Duration = Duration::from_millis(300);

fn hello(trial: &Trial) -> Result<(), String> {
    let (_, hello) = Program::start(trial)?;
    if hello.protocol != PROTOCOL {
        return Err(format!("it speaks protocol {}", hello.protocol));
    }
    if hello.images_max == 0 || (hello.frame_bytes_max as usize) < trial.model.len() {
        return Err(format!("it takes {} images and frames of {} bytes", hello.images_max, hello.frame_bytes_max));
    }
    Ok(())
}

fn load(trial: &Trial) -> Result<(), String> {
    let (_, _, loaded) = Program::loaded(trial)?;
    loaded.check()?;
    let graph = &loaded.spec.graph;
    if graph.bytes != trial.model.len() as u64 {
        return Err(format!("it was given {} bytes, and says {}", trial.model.len(), graph.bytes));
    }
    Ok(())
}

fn infer(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    for level in [0, 100, 255] {
        scores_of(&mut program, &loaded.spec, 2, &[level])?;
    }
    Ok(())
}

fn ping(trial: &Trial) -> Result<(), String> {
    let pong = |program: &mut Program, id| match program.ask(id, &Frame::Ping)? {
        Reply::Pong => Ok(()),
        reply => Err(format!("it answered with {}", reply.name())),
    };
    let (mut fresh, _) = Program::start(trial)?;
    pong(&mut fresh, 7)?;
    let (mut program, _, _) = Program::loaded(trial)?;
    pong(&mut program, 8)
}

fn settings(trial: &Trial) -> Result<(), String> {
    let (_, _, loaded) = Program::loaded(trial)?;
    let width = if loaded.spec.input.width > 1 { loaded.spec.input.width - 1 } else { 2 };
    let (mut program, _) = Program::start(trial)?;
    match program.load(trial, SpecOverrides { width: Some(width), ..SpecOverrides::default() })? {
        Reply::Error(_) => Ok(()),
        Reply::Loaded(loaded) if loaded.spec.input.width == width => {
            scores_of(&mut program, &loaded.spec, 2, &[100]).map(drop)
        }
        Reply::Loaded(loaded) => Err(format!("told width={width} it took {} in silence", loaded.spec.input.width)),
        reply => Err(format!("it answered load with {}", reply.name())),
    }
}

fn same(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    for level in [0, 100, 255] {
        let first = scores_of(&mut program, &loaded.spec, 2, &[level])?;
        let second = scores_of(&mut program, &loaded.spec, 3, &[level])?;
        is_close(&first, &second)?;
    }
    Ok(())
}

fn batch(trial: &Trial) -> Result<(), String> {
    let (mut program, hello, loaded) = Program::loaded(trial)?;
    let levels: &[u8] = if hello.images_max < 3 { return Ok(()) } else { &[0, 255, 100] };
    let together = scores_of(&mut program, &loaded.spec, 2, levels)?;
    let mut alone = Vec::new();
    for (level, id) in levels.iter().zip(3..) {
        alone.extend(scores_of(&mut program, &loaded.spec, id, &[*level])?);
    }
    is_close(&together, &alone)
}

fn ids(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    let levels = [0_u8, 255, 100, 30];
    let expected: Vec<Vec<f32>> = (2..)
        .zip(levels)
        .map(|(id, level)| scores_of(&mut program, &loaded.spec, id, &[level]))
        .collect::<Result<_, _>>()?;
    for (id, level) in (10..).zip(levels) {
        program.send(encode(id, &Frame::Infer { image_count: 1, pixels: &pixels(&loaded.spec, &[level]) })?);
    }
    let mut open: Vec<u32> = (10..).take(levels.len()).collect();
    while !open.is_empty() {
        let (id, reply) = program.receive()?;
        let Some(place) = open.iter().position(|other| *other == id) else {
            return Err(format!("it answered request {id}, which was not open"));
        };
        open.swap_remove(place);
        is_close(&checked(reply, &loaded.spec, 1)?, &expected[id as usize - 10])?;
    }
    Ok(())
}

fn whole(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    let mut frame = encode(2, &Frame::Infer { image_count: 1, pixels: &pixels(&loaded.spec, &[100]) })?;
    let last = frame.split_off(frame.len() - 1);
    let rest = frame.split_off(6);
    for piece in [frame, rest] {
        program.send(piece);
        program.is_quiet(EARLY).map_err(|what| format!("before the frame was whole: {what}"))?;
    }
    program.send(last);
    checked(program.answer_to(2)?, &loaded.spec, 1).map(drop)
}

fn error(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    let mut short = pixels(&loaded.spec, &[100]);
    short.pop();
    match program.ask(2, &Frame::Infer { image_count: 1, pixels: &short })? {
        Reply::Error(_) => {}
        reply => return Err(format!("one byte short, it answered with {}", reply.name())),
    }
    scores_of(&mut program, &loaded.spec, 3, &[100]).map(drop)
}

fn garbage(trial: &Trial) -> Result<(), String> {
    let (mut program, _, _) = Program::loaded(trial)?;
    program.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec());
    program.end().map(drop)
}

fn cut(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    let mut frame = encode(2, &Frame::Infer { image_count: 1, pixels: &pixels(&loaded.spec, &[100]) })?;
    frame.truncate(frame.len() / 2 + 1);
    program.send(frame);
    program.close_stdin();
    program.end()?;
    match program.receive() {
        Err(_) => Ok(()),
        Ok((_, reply)) => Err(format!("it answered half a frame with {}", reply.name())),
    }
}

fn finish(trial: &Trial) -> Result<(), String> {
    let (mut program, _, loaded) = Program::loaded(trial)?;
    program.send(encode(2, &Frame::Infer { image_count: 1, pixels: &pixels(&loaded.spec, &[100]) })?);
    program.close_stdin();
    checked(program.answer_to(2)?, &loaded.spec, 1)?;
    ends_well(&mut program)
}

fn end(trial: &Trial) -> Result<(), String> {
    let (mut program, _) = Program::start(trial)?;
    program.close_stdin();
    ends_well(&mut program)
}

fn ends_well(program: &mut Program) -> Result<(), String> {
    let status = program.end()?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}")) }
}

/// Images of grey levels: the same value everywhere, but for a brighter first quarter.
fn pixels(spec: &ModelSpec, levels: &[u8]) -> Vec<u8> {
    let bytes = spec.input.width as usize * spec.input.height as usize * spec.input.channels as usize;
    let image = |level: &u8| {
        let mut image = vec![*level; bytes];
        image[..bytes / 4].fill(level.saturating_add(60));
        image
    };
    levels.iter().flat_map(image).collect()
}

fn scores_of(program: &mut Program, spec: &ModelSpec, id: u32, levels: &[u8]) -> Result<Vec<f32>, String> {
    let image_count = levels.len() as u32;
    let reply = program.ask(id, &Frame::Infer { image_count, pixels: &pixels(spec, levels) })?;
    checked(reply, spec, image_count)
}

/// The scores, where they are what the spec says.
fn checked(reply: Reply, spec: &ModelSpec, image_count: u32) -> Result<Vec<f32>, String> {
    let scores = match reply {
        Reply::Scores(scores) => scores,
        Reply::Error(problem) => return Err(format!("it answered pixels with an error: {problem}")),
        reply => return Err(format!("it answered pixels with {}", reply.name())),
    };
    let classes = if spec.output.kind == OutputKind::Index { 1 } else { spec.output.classes };
    if (scores.image_count, scores.class_count) != (image_count, classes) {
        let (images, each) = (scores.image_count, scores.class_count);
        return Err(format!(
            "it gave {images} x {each} scores for {} of {}",
            counted(image_count, "image", "images"),
            counted(classes, "class", "classes")
        ));
    }
    if let Some(odd) = scores.values.iter().find(|score| !score.is_finite()) {
        return Err(format!("a score is {odd}"));
    }
    for image in scores.values.chunks_exact(classes as usize) {
        let sum: f32 = image.iter().sum();
        let is_share = image.iter().all(|score| (0.0..=1.0).contains(score));
        match spec.output.kind {
            OutputKind::Softmax if !is_share || (sum - 1.0).abs() > 0.01 => {
                return Err(format!("its kind is softmax, and the scores of an image sum to {sum}"));
            }
            OutputKind::Sigmoid if !is_share => {
                return Err("its kind is sigmoid, and a score is outside of 0 to 1".into());
            }
            OutputKind::Index
                if image[0] < 0.0 || image[0] >= spec.output.classes as f32 || image[0].fract() != 0.0 =>
            {
                return Err(format!("its kind is index, and {} is no class of {}", image[0], spec.output.classes));
            }
            _ => {}
        }
    }
    Ok(scores.values)
}

fn is_close(a: &[f32], b: &[f32]) -> Result<(), String> {
    match a.iter().zip(b).find(|(a, b)| (*a - *b).abs() > TOLERANCE * b.abs().max(1.0)) {
        None => Ok(()),
        Some((a, b)) => Err(format!("the same pixels got {a} once, and {b}")),
    }
}
