//! What a JPEG file says of itself: its size, its components, its colours and its scans, before any pixel is decoded.

use menagerie_contract::ImageLimits;

use super::{
    super::{Format, check_size, cut_off, undecodable},
    colors::Colors,
    idct::{BLOCK, SIDE},
    scan::{self, Scan},
    segments::{SCAN, Segment, Segments},
    tables::Tables,
};
use crate::{error::Error, orientation::Orientation};

/// A file of 8-bit samples coded by Huffman's method, sequential or progressive, whose scans could hold their blocks.
pub struct Frame<'a> {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    pub colors: Colors,
    pub orientation: Orientation,
    pub is_progressive: bool,
    pub scans: Vec<Scan<'a>>,
}

pub struct Component {
    pub id: u8,
    /// Blocks of a unit, across and down: its sampling factors.
    pub across: usize,
    pub down: usize,
    place: u8,
    /// Steps of the coefficients in zigzag order, as they were when its first scan began.
    pub quantization: [u16; BLOCK],
}

impl<'a> Frame<'a> {
    /// # Errors
    /// [`Error::ImageUnsupported`] for the rare codings, [`Error::ImageTooLarge`], [`Error::ImageUndecodable`].
    pub fn of(image: &'a [u8], limits: &ImageLimits) -> Result<Self, Error> {
        let mut reader = Reader::default();
        let mut segments = Segments::of(image);
        for segment in segments.by_ref() {
            reader.read(&segment, limits, image.len())?;
        }
        if !segments.ended {
            return Err(cut_off(Format::Jpeg));
        }
        scan::check(&reader.frame, image.len())?;
        Ok(Self { colors: reader.colors(), ..reader.frame })
    }

    /// The largest sampling factors, across and down.
    pub fn factors(&self) -> (usize, usize) {
        let most = |factor: fn(&Component) -> usize| self.components.iter().map(factor).max().unwrap_or(1);
        (most(|component| component.across), most(|component| component.down))
    }

    /// Units across and down: what a scan of several components has at once (ITU-T T.81, A.2.3).
    pub fn units(&self) -> (usize, usize) {
        let (across, down) = self.factors();
        (self.width.div_ceil(SIDE * across), self.height.div_ceil(SIDE * down))
    }

    /// Blocks of a component across and down that a scan of it alone has: those with a sample of the photo (A.2.2).
    pub fn own_blocks(&self, component: &Component) -> (usize, usize) {
        let (across, down) = self.factors();
        let blocks = |side: usize, own: usize, most: usize| (side * own).div_ceil(most).div_ceil(SIDE);
        (blocks(self.width, component.across, across), blocks(self.height, component.down, down))
    }
}

/// Reads a file segment by segment.
struct Reader<'a> {
    frame: Frame<'a>,
    tables: Tables<'a>,
    restart_interval: usize,
    has_jfif: bool,
    adobe_transform: Option<u8>,
    has_exif: bool,
}

impl Default for Reader<'_> {
    fn default() -> Self {
        let frame = Frame {
            width: 0,
            height: 0,
            components: Vec::new(),
            colors: Colors::Grey,
            orientation: Orientation::default(),
            is_progressive: false,
            scans: Vec::new(),
        };
        Self {
            frame,
            tables: Tables::default(),
            restart_interval: 0,
            has_jfif: false,
            adobe_transform: None,
            has_exif: false,
        }
    }
}

impl<'a> Reader<'a> {
    fn read(&mut self, segment: &Segment<'a>, limits: &ImageLimits, image_bytes: usize) -> Result<(), Error> {
        let damaged = |what: &str| undecodable(Format::Jpeg, format!("{what} is damaged"));
        let payload = segment.payload;
        match segment.marker {
            0xc4 => self.tables.read_huffman(payload).ok_or_else(|| damaged("a Huffman table"))?,
            0xdb => self.tables.read_quantization(payload).ok_or_else(|| damaged("a quantization table"))?,
            0xdd => {
                let units = payload.first_chunk().ok_or_else(|| damaged("its restart interval"))?;
                self.restart_interval = usize::from(u16::from_be_bytes(*units));
            }
            marker @ (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                self.read_frame(marker, payload, limits, image_bytes)?;
            }
            SCAN => self.read_scan(segment)?,
            0xe0 if payload.starts_with(b"JFIF\0") => self.has_jfif = true,
            0xe1 if payload.starts_with(b"Exif\0\0") && !self.has_exif => {
                self.has_exif = true;
                self.frame.orientation = Orientation::from_exif(payload);
            }
            0xee if payload.starts_with(b"Adobe") => self.adobe_transform = payload.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    /// T.81, B.2.2.
    fn read_frame(
        &mut self,
        marker: u8,
        payload: &[u8],
        limits: &ImageLimits,
        image_bytes: usize,
    ) -> Result<(), Error> {
        if let Some(kind) = rare_kind(marker, payload.first().copied()) {
            return Err(Error::ImageUnsupported {
                looks_like: format!("{kind} JPEG"),
                advice: "save it as an ordinary baseline or progressive JPEG and send that",
            });
        }
        let [8, height_high, height_low, width_high, width_low, count, components @ ..] = payload else {
            return Err(undecodable(Format::Jpeg, "its frame header is damaged"));
        };
        let (width, height) =
            (u16::from_be_bytes([*width_high, *width_low]), u16::from_be_bytes([*height_high, *height_low]));
        check_size(Format::Jpeg, width.into(), height.into(), limits, image_bytes)?;
        let frame = &mut self.frame;
        if !frame.components.is_empty() {
            return Err(undecodable(Format::Jpeg, "it has two frame headers"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(undecodable(Format::Jpeg, format!("it has {count} colour components")));
        }
        (frame.width, frame.height, frame.is_progressive) = (width.into(), height.into(), marker == 0xc2);
        let (components, rest) = components.as_chunks::<3>();
        if components.len() != usize::from(*count) || !rest.is_empty() {
            return Err(undecodable(Format::Jpeg, "its frame header is damaged"));
        }
        for [id, sampling, place] in components {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !matches!(across, 1..=4) || !matches!(down, 1..=4) {
                return Err(undecodable(Format::Jpeg, format!("its sampling factors are {across}x{down}")));
            }
            // A scan of one component has single blocks, whatever its sampling (A.2.2).
            let (across, down) = if *count == 1 { (1, 1) } else { (across, down) };
            let quantization = [0; BLOCK];
            frame.components.push(Component { id: *id, across, down, place: *place, quantization });
        }
        let (across, down) = frame.factors();
        let is_whole = |component: &Component| across % component.across == 0 && down % component.down == 0;
        if !frame.components.iter().all(is_whole) {
            return Err(undecodable(Format::Jpeg, "its sampling factors are no multiples of each other"));
        }
        Ok(())
    }

    fn read_scan(&mut self, segment: &Segment<'a>) -> Result<(), Error> {
        let scan = Scan::read(segment, &self.frame, &mut self.tables, self.restart_interval)?;
        let is_first = |component: usize| !self.frame.scans.iter().any(|scan| scan.holds(component));
        let begun: Vec<usize> = scan.parts.iter().map(|part| part.component).filter(|at| is_first(*at)).collect();
        for component in begun {
            let component = &mut self.frame.components[component];
            component.quantization = self
                .tables
                .quantization(component.place)
                .ok_or_else(|| undecodable(Format::Jpeg, "a quantization table is missing"))?;
        }
        self.frame.scans.push(scan);
        Ok(())
    }

    /// As libjpeg guesses (`jdapimin.c`, `default_decompress_parms`).
    fn colors(&self) -> Colors {
        let ids: Vec<u8> = self.frame.components.iter().map(|component| component.id).collect();
        match (ids.len(), self.adobe_transform) {
            (0 | 1, _) => Colors::Grey,
            (3, _) if self.has_jfif => Colors::LumaChroma,
            (3, Some(0)) => Colors::Rgb,
            (3, None) if ids == b"RGB" => Colors::Rgb,
            (3, _) => Colors::LumaChroma,
            (_, Some(1..)) => Colors::LumaChromaBlack,
            _ => Colors::Inks,
        }
    }
}

/// The coding that a start-of-frame marker names, where it is not decoded (T.81, table B.1).
fn rare_kind(marker: u8, sample_bits: Option<u8>) -> Option<&'static str> {
    match (marker, sample_bits) {
        (0xc1 | 0xc2, Some(12)) => Some("a 12-bit"),
        (0xc0..=0xc2, _) => None,
        (0xc3 | 0xcb, _) => Some("a lossless"),
        (0xc9 | 0xca, _) => Some("an arithmetic-coded"),
        _ => Some("a hierarchical"),
    }
}
