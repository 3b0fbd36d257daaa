//! Why a system could not be reached, in words for a person.

use std::{error::Error, io};

/// The words for an error of the network or the file system.
pub(crate) fn of_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "the connection was cut".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "the connection was closed in the middle of an answer".to_owned(),
        io::ErrorKind::TimedOut => "it did not answer in time".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no route to it".to_owned()
        }
        io::ErrorKind::PermissionDenied => "permission was denied".to_owned(),
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => plain(&error.to_string()),
    }
}

/// The words for the deepest cause of an error.
pub(crate) fn of_chain(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    loop {
        let io = deepest.downcast_ref::<io::Error>();
        if let Some(error) = io
            && error.kind() != io::ErrorKind::Other
        {
            return of_io(error);
        }
        // An error of the kind `Other` wraps one that is not its source.
        let wrapped = io
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        match wrapped.or(deepest.source()) {
            Some(source) => deepest = source,
            None => return plain(&deepest.to_string()),
        }
    }
}

/// Without the number of the operating system's error, and with the lookup of a name said plainly.
fn plain(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or(text);
    if text.contains("lookup address") || text.contains("Name or service not known") {
        return "its host name is not known".to_owned();
    }
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_for_people() {
        let check = |error: io::Error, expected: &str| assert_eq!(of_io(&error), expected, "{error:?}");
        check(
            io::ErrorKind::ConnectionRefused.into(),
            "the connection was refused",
        );
        check(io::ErrorKind::StorageFull.into(), "the disk is full");
        let unknown = "failed to lookup address information: Name or service not known";
        check(io::Error::other(unknown), "its host name is not known");
        check(io::Error::other("odd thing (os error 95)"), "odd thing");
        let wrapped = io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(of_chain(&wrapped), "the connection was cut");
    }
}
