//! A file's content.

use std::path::Path;

use seaworthy_core::ports::Fault;
use tokio::io::AsyncReadExt as _;

use super::VALUE_BYTES_MAX;

/// Reads a file, or a pipe that somebody hands us. More than the longest value is not read to its end.
pub(super) async fn read(path: &Path, doing: &str) -> Result<Vec<u8>, Fault> {
    let fault = |error: std::io::Error| Fault::io(doing, &error);
    let file = tokio::fs::File::open(path).await.map_err(fault)?;
    let mut bytes = Vec::new();
    // Two for the newline, one to see that it is too long.
    file.take(VALUE_BYTES_MAX as u64 + 3).read_to_end(&mut bytes).await.map_err(fault)?;
    Ok(bytes)
}

/// Reads a plain file at once. A pipe is not: it gives its content only once, to who really needs it.
pub(super) fn read_now(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(VALUE_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    Ok(bytes)
}
