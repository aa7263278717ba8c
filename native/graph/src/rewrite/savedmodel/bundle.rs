//! TensorBundle: the weights of a checkpoint. `variables.index` is a LevelDB table (`leveldb/table/format.h`) from keys
//! to places in the data files (`tensorflow/core/protobuf/tensor_bundle.proto`).

use std::collections::HashMap;

use super::{archive::Folder, refuse};
use crate::{
    data::{
        dtype::DataType,
        tensor::{element_count, parse_shape},
        wire::{Fields, Value, take_varint},
    },
    error::{GraphError, WireError},
    forms::is_leveldb_table,
};

const FOOTER_BYTES: usize = 48;

/// A weight, with its values in place.
#[derive(Clone, Debug)]
pub(super) struct Weight<'f> {
    pub dtype: DataType,
    pub shape: Vec<u64>,
    pub content: &'f [u8],
}

/// All weights of a checkpoint by their keys.
pub(super) struct Bundle<'f> {
    folder: &'f Folder,
    shards: u32,
    entries: HashMap<Vec<u8>, &'f [u8]>,
}

impl<'f> Bundle<'f> {
    /// Reads the index of `folder`; a folder without variables has no weights.
    pub(super) fn open(folder: &'f Folder) -> Result<Self, GraphError> {
        let Some(index) = folder.index() else {
            return Ok(Self { folder, shards: 1, entries: HashMap::new() });
        };
        if !is_leveldb_table(index) {
            return Err(refuse("variables/variables.index is damaged"));
        }
        let mut entries = HashMap::new();
        read_table(index, &mut entries)
            .map_err(|error| refuse(format!("variables/variables.index is damaged: {error}")))?;
        let shards = entries.get(&b""[..]).map_or(Ok(1), |header| shard_count(header));
        let shards = shards.map_err(|error| refuse(format!("variables/variables.index is damaged: {error}")))?;
        Ok(Self { folder, shards, entries })
    }

    /// The weight saved as `key`.
    pub(super) fn weight(&self, key: &str) -> Result<Weight<'f>, GraphError> {
        let entry = self.entries.get(key.as_bytes()).ok_or_else(|| refuse(format!("the checkpoint has no {key:?}")))?;
        let damaged = |error: WireError| refuse(format!("the checkpoint's entry {key:?} is damaged: {error}"));
        let (mut dtype, mut shape, mut shard, mut offset, mut size) = (DataType::Other(0), Vec::new(), 0, 0, 0);
        for item in Fields::new(entry) {
            let (number, value) = item.map_err(damaged)?;
            match (number, value) {
                (1, value) => dtype = DataType::of(value.int(1).map_err(damaged)?),
                (2, value) => {
                    let extents = value.bytes(2).and_then(parse_shape).map_err(damaged)?.unwrap_or_default();
                    shape = extents.into_iter().map(|extent| extent.unwrap_or(0)).collect();
                }
                (3, Value::Varint(value)) => shard = value,
                (4, Value::Varint(value)) => offset = value,
                (5, Value::Varint(value)) => size = value,
                (7, _) => {
                    return Err(refuse(format!(
                        "weight {key:?} is saved in slices; save the model without partitions"
                    )));
                }
                _ => {}
            }
        }
        let place = || {
            let data = self.folder.shard(u32::try_from(shard).ok()?, self.shards)?;
            let start = usize::try_from(offset).ok()?;
            data.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        };
        let content = place().ok_or_else(|| {
            refuse(format!(
                "the data of weight {key:?} is missing; pack the whole folder with variables/ and all its files"
            ))
        })?;
        let expected = dtype.size_bytes().and_then(|bytes| bytes.checked_mul(element_count(&shape)));
        if expected != Some(content.len() as u64) {
            return Err(refuse(format!("weight {key:?} holds {} bytes, which do not fit its shape", content.len())));
        }
        Ok(Weight { dtype, shape, content })
    }
}

/// `BundleHeaderProto`: number of shards, and the byte order, which must be little.
fn shard_count(header: &[u8]) -> Result<u32, WireError> {
    let mut shards = 1;
    for item in Fields::new(header) {
        match item? {
            (1, value) => shards = u32::try_from(value.int(1)?).map_err(|_| WireError::Malformed)?,
            (2, value) if value.int(2)? != 0 => return Err(WireError::Malformed),
            _ => {}
        }
    }
    Ok(shards)
}

fn read_table<'f>(table: &'f [u8], entries: &mut HashMap<Vec<u8>, &'f [u8]>) -> Result<(), WireError> {
    let footer =
        table.len().checked_sub(FOOTER_BYTES).and_then(|start| table.get(start..)).ok_or(WireError::Truncated)?;
    let mut handles = footer;
    let _metaindex = read_handle(&mut handles)?;
    let index = read_handle(&mut handles)?;
    let mut blocks = Vec::new();
    read_block(block(table, index)?, |_, value| blocks.push(value))?;
    for mut handle in blocks {
        let place = read_handle(&mut handle)?;
        read_block(block(table, place)?, |key, value| {
            entries.insert(key.to_vec(), value);
        })?;
    }
    Ok(())
}

fn read_handle(bytes: &mut &[u8]) -> Result<(u64, u64), WireError> {
    Ok((take_varint(bytes)?, take_varint(bytes)?))
}

/// The content of a block. TensorBundle writes its index uncompressed: type byte 0 behind the block.
fn block(table: &[u8], (offset, size): (u64, u64)) -> Result<&[u8], WireError> {
    let start = usize::try_from(offset).map_err(|_| WireError::Truncated)?;
    let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).ok_or(WireError::Truncated)?;
    match table.get(end) {
        Some(0) => table.get(start..end).ok_or(WireError::Truncated),
        _ => Err(WireError::Malformed),
    }
}

/// Entries of a block; keys share a prefix with the one before.
fn read_block<'f>(block: &'f [u8], mut visit: impl FnMut(&[u8], &'f [u8])) -> Result<(), WireError> {
    let (rest, restarts) = block.split_last_chunk::<4>().ok_or(WireError::Truncated)?;
    let restart_bytes = usize::try_from(u32::from_le_bytes(*restarts)).ok().and_then(|count| count.checked_mul(4));
    let end = restart_bytes.and_then(|bytes| rest.len().checked_sub(bytes)).ok_or(WireError::Truncated)?;
    let mut bytes = rest.get(..end).ok_or(WireError::Truncated)?;
    let mut key: Vec<u8> = Vec::new();
    while !bytes.is_empty() {
        let mut length =
            || take_varint(&mut bytes).and_then(|value| usize::try_from(value).map_err(|_| WireError::Truncated));
        let (shared, fresh, value) = (length()?, length()?, length()?);
        let (tail, after) = bytes.split_at_checked(fresh).ok_or(WireError::Truncated)?;
        let (value, after) = after.split_at_checked(value).ok_or(WireError::Truncated)?;
        key.truncate(shared);
        key.extend_from_slice(tail);
        visit(&key, value);
        bytes = after;
    }
    Ok(())
}
