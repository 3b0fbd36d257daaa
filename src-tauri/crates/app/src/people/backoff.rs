//! Pauses between tries: each twice the one before, up to a maximum, and short again after one that went well.

use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// What was tried went well.
    pub fn reset(&mut self) {
        self.next = self.min;
    }

    /// How long to wait before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause
    }

    /// How long to wait after a try that went well for a time before it failed.
    pub fn pause_after(&mut self, well_for: Duration) -> Duration {
        if well_for >= self.max {
            self.reset();
        }
        self.pause()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_maximum_and_are_short_again_after_a_good_run() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(5));
        let pauses = [(); 5].map(|()| backoff.pause_after(Duration::ZERO).as_secs());
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        // It failed soon after it began, as before.
        assert_eq!(backoff.pause_after(seconds(4)), seconds(5));
        assert_eq!(backoff.pause_after(seconds(5)), seconds(1));
        assert_eq!(backoff.pause(), seconds(2));
        backoff.reset();
        assert_eq!(backoff.pause(), seconds(1));
    }
}
