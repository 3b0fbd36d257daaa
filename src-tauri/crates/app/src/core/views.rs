//! Views that the window or the terminal has open: tails and SQL results, by number.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tailrace_model::{Error, Result};

/// Views of one kind open at once.
const VIEWS_MAX: usize = 32;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// See the module's text. Numbers are not used twice within a process.
#[derive(Debug)]
pub struct Views<T> {
    open: Mutex<BTreeMap<u64, Arc<T>>>,
}

impl<T> Default for Views<T> {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
        }
    }
}

impl<T> Views<T> {
    /// Opens a view under a number of its own.
    pub fn open(&self, make: impl FnOnce(u64) -> T) -> Result<(u64, Arc<T>)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= VIEWS_MAX {
            return Err(Error::user(
                "too_many_views",
                format!("{VIEWS_MAX} views are open already: close one and try again"),
            ));
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let view = Arc::new(make(number));
        open.insert(number, Arc::clone(&view));
        Ok((number, view))
    }

    pub fn get(&self, view: u64) -> Result<Arc<T>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&view)
            .cloned()
            .ok_or_else(|| Error::user("unknown_view", format!("view {view} is closed: start it again")))
    }

    pub fn close(&self, view: u64) -> Option<Arc<T>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&view)
    }

    /// Closes all of them.
    pub fn take_all(&self) -> Vec<Arc<T>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *open).into_values().collect()
    }
}
