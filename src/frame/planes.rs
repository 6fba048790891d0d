//! Four-byte numbers in byte planes: all lowest bytes first, all highest bytes last.

pub(super) fn write(numbers: &[[u8; 4]], content: &mut Vec<u8>) {
    for plane in 0..4 {
        content.extend(numbers.iter().map(|bytes| bytes[plane]));
    }
}

/// Reads `count` numbers that [`write`] wrote, and what follows them.
pub(super) fn read(
    content: &[u8],
    count: usize,
) -> Option<(impl Iterator<Item = [u8; 4]> + '_, &[u8])> {
    let (planes, rest) = content.split_at_checked(4 * count)?;
    let numbers = (0..count).map(move |i| std::array::from_fn(|plane| planes[plane * count + i]));
    Some((numbers, rest))
}
