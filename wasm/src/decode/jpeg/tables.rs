//! The tables that a JPEG file defines between its scans, and those that it may leave out.

use std::rc::Rc;

use super::{huffman::Table, idct::BLOCK};

/// Places for the tables of each kind.
const PLACES: usize = 4;

/// Codes of a Huffman table by length from 1 bit, and the bytes they stand for in order of codes.
type Codes<'a> = (&'a [u8; 16], &'a [u8]);

/// What is defined at a point of the file.
#[derive(Default)]
pub struct Tables<'a> {
    quantization: [Option<[u16; BLOCK]>; PLACES],
    dc: [Place<'a>; PLACES],
    ac: [Place<'a>; PLACES],
}

/// A Huffman table is built only once a scan uses it, so that one can be built for each scan and component at most.
#[derive(Default)]
struct Place<'a> {
    codes: Option<Codes<'a>>,
    built: Option<Rc<Table>>,
}

impl<'a> Tables<'a> {
    /// Coefficients' steps in zigzag order (ITU-T T.81, B.2.4.1). `None` where the segment is damaged.
    pub fn read_quantization(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let (bytes, values) = match head >> 4 {
                0 => (BLOCK, rest.first_chunk::<BLOCK>()?.map(u16::from)),
                1 => {
                    let mut values = [0; BLOCK];
                    let pairs = rest.get(..2 * BLOCK)?.as_chunks().0;
                    values.iter_mut().zip(pairs).for_each(|(value, pair)| *value = u16::from_be_bytes(*pair));
                    (2 * BLOCK, values)
                }
                _ => return None,
            };
            *self.quantization.get_mut(usize::from(head & 15))? = Some(values);
            segment = &rest[bytes..];
        }
        Some(())
    }

    /// T.81, B.2.4.2. `None` where the segment is damaged.
    pub fn read_huffman(&mut self, mut segment: &'a [u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (bytes, rest) = rest.split_at_checked(counts.iter().map(|count| usize::from(*count)).sum())?;
            let places = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *places.get_mut(usize::from(head & 15))? = Place { codes: Some((counts, bytes)), built: None };
            segment = rest;
        }
        Some(())
    }

    pub fn quantization(&self, place: u8) -> Option<[u16; BLOCK]> {
        *self.quantization.get(usize::from(place))?
    }

    /// Codes of the differences between first coefficients. `None` where there is no such table, or it is damaged.
    pub fn dc(&mut self, place: u8) -> Option<Rc<Table>> {
        let place_of = usize::from(place);
        self.dc.get_mut(place_of)?.table(STANDARD_DC.get(place_of), Table::of_differences)
    }

    /// Codes of the other coefficients, in a file of one scan a component or in a progressive one.
    pub fn ac(&mut self, place: u8, is_progressive: bool) -> Option<Rc<Table>> {
        let place_of = usize::from(place);
        let build = if is_progressive { Table::of_bands } else { Table::of_coefficients };
        self.ac.get_mut(place_of)?.table(STANDARD_AC.get(place_of), build)
    }
}

impl Place<'_> {
    fn table(
        &mut self,
        standard: Option<&Codes<'static>>,
        build: fn(&[u8; 16], &[u8]) -> Option<Table>,
    ) -> Option<Rc<Table>> {
        if self.built.is_none() {
            let (counts, bytes) = self.codes.or(standard.copied())?;
            self.built = Some(Rc::new(build(counts, bytes)?));
        }
        self.built.clone()
    }
}

/// The tables of T.81, K.3.3.1, for luma and chroma: pictures of webcams and of Motion JPEG are stored without them.
const STANDARD_DC: [Codes<'static>; 2] = [
    (&[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    (&[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
];

/// T.81, K.3.3.2.
const STANDARD_AC: [Codes<'static>; 2] = [
    (
        &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\
        \x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\
        \x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\
        \x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\
        \xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\
        \xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
    ),
    (
        &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\
        \x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\
        \x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\
        \x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\
        \xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\
        \xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
    ),
];
