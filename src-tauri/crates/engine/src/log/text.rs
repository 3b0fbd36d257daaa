//! Text that waits to be written: views into blocks that are filled one after the other.

use arrow::{array::builder::make_view, buffer::Buffer, datatypes::ByteViewType};

/// Bytes of a block; a longer text gets one of its own.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that a view holds itself.
const INLINE_BYTES: usize = 12;

/// Holds every text of a buffer once; a view is what a string column of Arrow has for each value.
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
        if bytes.len() <= INLINE_BYTES {
            return make_view(bytes, 0, 0);
        }
        if self.block.len() + bytes.len() > self.block.capacity() {
            self.close();
            self.block.reserve(BLOCK_BYTES.max(bytes.len()));
        }
        // Blocks hold 1 MiB or one text, so that neither number can leave 32 bits before memory ends.
        let offset = u32::try_from(self.block.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(self.full.len()).unwrap_or(u32::MAX);
        self.block.extend_from_slice(bytes);
        self.bytes += bytes.len();
        make_view(bytes, number, offset)
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The text of a view that this gave out.
    pub fn get<'a>(&'a self, view: &'a u128) -> &'a [u8] {
        let parsed = arrow::array::ByteView::from(*view);
        let length = parsed.length as usize;
        if length <= INLINE_BYTES {
            return arrow::array::StringViewArray::inline(view, length);
        }
        let block = self.full.get(parsed.buffer_index as usize).map_or(self.block.as_slice(), |full| full.as_slice());
        let from = parsed.offset as usize;
        block.get(from..from + length).unwrap_or_default()
    }

    /// All blocks, as the views number them.
    pub fn buffers(&mut self) -> &[Buffer] {
        self.close();
        &self.full
    }

    fn close(&mut self) {
        if !self.block.is_empty() {
            self.full.push(Buffer::from_vec(std::mem::take(&mut self.block)));
        }
    }
}

/// Keeps the bounds of the views' type in one place.
pub type TextView = arrow::datatypes::StringViewType;
const _: fn() = || {
    fn is_view<T: ByteViewType>() {}
    is_view::<TextView>();
};
