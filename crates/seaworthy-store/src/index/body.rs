//! Facts as bytes: a length (u32, little-endian), then JSON in a frame of zstd with a checksum.
//!
//! JSON, for facts gain fields, and what was kept before must still be read. Compressed, for a site's pages say the same
//! links over and over.

use seaworthy_core::refs::Facts;

/// The most bytes that the facts of one document are read from: what says that it is longer is damaged.
const BYTES_MAX: usize = 1 << 30;
/// The fastest: the index is to be faster than reading again.
const LEVEL: i32 = 1;

/// Makes bytes of facts, one document after the other, with one set of buffers.
pub(super) struct Writer(zstd::bulk::Compressor<'static>);

impl Writer {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self(compressor))
    }

    pub(super) fn write(&mut self, facts: &Facts) -> std::io::Result<Vec<u8>> {
        let json = serde_json::to_vec(facts)?;
        let length = u32::try_from(json.len()).ok().filter(|_| json.len() <= BYTES_MAX);
        let length = length.ok_or_else(|| std::io::Error::other("its facts are over 1 GiB"))?;
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.0.compress(&json)?);
        Ok(bytes)
    }
}

/// Reads facts back, one after the other.
pub(super) struct Reader(zstd::bulk::Decompressor<'static>);

impl Reader {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self(zstd::bulk::Decompressor::new()?))
    }

    /// Returns nothing for bytes that are not what was written.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Facts> {
        let (length, frame) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let json = self.0.decompress(frame, length.min(BYTES_MAX)).ok()?;
        serde_json::from_slice(&json).ok().filter(|_| json.len() == length)
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_core::refs::Format;
    use seaworthy_core::refs::Kind;
    use seaworthy_core::refs::Ref;

    use super::*;

    fn facts() -> Facts {
        let mut facts = Facts::none(Format::Html);
        let one = |n: u32| Ref::exact(Kind::Link, format!("/page/{n}"), format!("{n}:1"));
        facts.references = (0..100).map(one).collect();
        facts
    }

    #[test]
    fn facts_are_read_as_they_were_written() {
        let bytes = Writer::new().unwrap().write(&facts()).unwrap();
        assert_eq!(Reader::new().unwrap().read(&bytes), Some(facts()));
    }

    #[test]
    fn facts_with_a_changed_byte_are_none() {
        let bytes = Writer::new().unwrap().write(&facts()).unwrap();
        let mut reader = Reader::new().unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            let read = reader.read(&damaged);
            // A bit of the frame's head says nothing of its content.
            assert!(read.is_none() || read == Some(facts()), "byte {at}");
        }
        assert_eq!(reader.read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(reader.read(&[]), None);
        assert_eq!(reader.read(&[0xff; 4]), None);
    }
}
