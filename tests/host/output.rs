//! What a command said, with checks that read as sentences.

use serde_json::Value;

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Output {
    /// What was run.
    pub command: String,
    /// Its exit code; a signal counts as 128 and more, as in a shell.
    pub code: i32,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Output {
    /// Both streams.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    fn must(self, fact: bool, what: &str) -> Self {
        assert!(fact, "expected that it {what}\n$ {}\n{}\n[exit {}]", self.command, self.text(), self.code);
        self
    }

    /// It exits with 0.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn succeeds(self) -> Self {
        let fact = self.code == 0;
        self.must(fact, "succeeds")
    }

    /// It exits with something else.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn fails(self) -> Self {
        let fact = self.code != 0;
        self.must(fact, "fails")
    }

    /// It exits with this code.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn exits(self, code: i32) -> Self {
        let fact = self.code == code;
        self.must(fact, &format!("exits with {code}"))
    }

    /// It says this, on either stream.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn says(self, text: &str) -> Self {
        let fact = self.text().contains(text);
        self.must(fact, &format!("says \"{text}\""))
    }

    /// It does not say this, on either stream.
    ///
    /// # Panics
    /// It does.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn does_not_say(self, text: &str) -> Self {
        let fact = !self.text().contains(text);
        self.must(fact, &format!("does not say \"{text}\""))
    }

    /// Its standard output as one JSON object.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n$ {}\n{}", self.command, self.text()))
    }
}
