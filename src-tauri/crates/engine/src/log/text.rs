//! Text that waits to be written: views into blocks that are filled one after the other.
//!
//! A view is what a Utf8View column of Arrow has for each value (128 bits: length, then the text itself when it has at
//! most 12 bytes, else its first four bytes, the number of the block and the offset in it), so that columns are made
//! by moving views, never text.

use arrow::buffer::Buffer;

/// Bytes of a block; a longer text gets one of its own.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that a view holds itself.
const INLINE_BYTES: usize = 12;

/// Holds every text of a buffer once.
#[derive(Debug, Default)]
pub struct Texts {
    full: Vec<Buffer>,
    block: Vec<u8>,
    bytes: usize,
}

impl Texts {
    /// Keeps a text and returns its view.
    pub fn push(&mut self, text: &str) -> u128 {
        let bytes = text.as_bytes();
        // Texts are parts of an event, which has at most 32 KiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut view = [0u8; 16];
        view[..4].copy_from_slice(&length.to_le_bytes());
        if bytes.len() <= INLINE_BYTES {
            view[4..4 + bytes.len()].copy_from_slice(bytes);
            return u128::from_le_bytes(view);
        }
        if self.block.len() + bytes.len() > self.block.capacity() {
            self.close();
            self.block.reserve_exact(BLOCK_BYTES.max(bytes.len()));
        }
        // Blocks hold 1 MiB or one text, so that neither number can leave 32 bits before memory ends.
        let offset = u32::try_from(self.block.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(self.full.len()).unwrap_or(u32::MAX);
        view[4..8].copy_from_slice(&bytes[..4]);
        view[8..12].copy_from_slice(&number.to_le_bytes());
        view[12..16].copy_from_slice(&offset.to_le_bytes());
        self.block.extend_from_slice(bytes);
        self.bytes += bytes.len();
        u128::from_le_bytes(view)
    }

    /// Bytes of text held in blocks.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The text of a view that this gave out.
    pub fn get(&self, view: u128) -> Vec<u8> {
        let view = view.to_le_bytes();
        let part = |from: usize| {
            u32::from_le_bytes([view[from], view[from + 1], view[from + 2], view[from + 3]]) as usize
        };
        let length = part(0);
        if length <= INLINE_BYTES {
            return view[4..4 + length].to_vec();
        }
        let block = self
            .full
            .get(part(8))
            .map_or(self.block.as_slice(), |full| full.as_slice());
        let from = part(12);
        block.get(from..from + length).unwrap_or_default().to_vec()
    }

    /// All blocks, as the views number them.
    pub fn buffers(&mut self) -> Vec<Buffer> {
        self.close();
        self.full.clone()
    }

    fn close(&mut self) {
        if !self.block.is_empty() {
            self.full.push(Buffer::from_vec(std::mem::take(&mut self.block)));
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, StringViewArray};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arrow_reads_the_views(values in prop::collection::vec(".{0,40}", 0..50), large in 0usize..3) {
            let mut texts = Texts::default();
            let mut values = values;
            values.extend((0..large).map(|size| "ä".repeat(size * BLOCK_BYTES / 3 + 7)));
            let views: Vec<u128> = values.iter().map(|text| texts.push(text)).collect();
            for (view, text) in views.iter().zip(&values) {
                prop_assert_eq!(texts.get(*view), text.as_bytes());
            }
            let array = StringViewArray::try_new(views.into(), texts.buffers(), None).expect("valid views");
            prop_assert_eq!(array.len(), values.len());
            for (row, text) in values.iter().enumerate() {
                prop_assert_eq!(array.value(row), text.as_str());
            }
        }
    }
}
