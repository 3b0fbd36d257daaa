//! The allocator of every program, for librdkafka too: records are allocated by one thread and freed by another, which the
//! C library's allocator answers with contended locks and memory that it keeps.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
