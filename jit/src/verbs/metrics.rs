//! `jit metrics`: how the daemon is, for Prometheus and its like.

use super::{Context, Ended};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::{openmetrics, words};
use crate::whole_file::WholeFile;
use jit_proto::view::FailureCode;
use std::io::Write;
use std::path::Path;

/// Says how the daemon is; or writes it to a file, which then also says when no daemon answers.
pub fn metrics(context: &Context, file: Option<&Path>) -> Ended {
    let Some(file) = file else {
        let view = context.talk.metrics()?;
        match context.out.form() {
            Form::Json => context.out.json(&view)?,
            Form::Human => context.out.raw(openmetrics::written(&view).as_bytes())?,
        }
        return Ok(Exit::Done);
    };
    match context.talk.metrics() {
        Ok(view) => write(file, &openmetrics::written(&view)).map(|()| Exit::Done),
        Err(Failing::Failed(failure)) if failure.code == FailureCode::Unreachable => {
            write(file, &openmetrics::away())?;
            Err(Failing::Failed(failure))
        }
        Err(failing) => Err(failing),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failing> {
    // Whoever collects it is another user than whoever writes it, and it holds no name.
    let written = WholeFile::create(path, 0o644).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.finish()));
    written.map_err(|error| {
        Failing::refused(
            format!("{}: {error}", words::safe(&path.to_string_lossy())),
            "name a plain file, or a new one, in a directory that is there",
        )
    })
}
