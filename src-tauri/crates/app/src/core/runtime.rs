//! The runtime of every program.

use tokio::runtime::{Builder, Runtime};

/// Bytes of a thread's stack, of which the system gives what is used. A query is planned within the planning of the one that
/// reads it (an audience of an audience, a trait of a trait), each by functions that call themselves: a debug build was
/// measured to overflow the usual 2 MiB.
const STACK_BYTES: usize = 16 * 1024 * 1024;

pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
}
