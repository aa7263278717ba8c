//! What the recipes for hard images have in common.

/// How much an image may be.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Width times height.
    pub pixels: u64,
    /// Longer side.
    pub side_pixels: u32,
    /// Bytes of the file.
    pub bytes: usize,
}

impl Budget {
    /// Width and height near `pixels`: square, as wide as is allowed, or as high.
    pub fn size(&self, shape: u32) -> (u32, u32) {
        let (pixels, most) = (self.pixels as f64, u64::from(self.side_pixels.min(16_383)));
        let wide = match shape {
            0 => pixels.sqrt() as u64,
            1 => most,
            _ => self.pixels.div_ceil(most),
        };
        let wide = wide.clamp(1, most);
        (wide as u32, (self.pixels / wide).clamp(1, most) as u32)
    }
}

/// A kind of image: what it may be made of, and how it is made.
pub struct Kind {
    pub name: &'static str,
    pub extension: &'static str,
    /// For each ingredient its name and its values. The first recipe of a search has the first values.
    pub ingredients: &'static [(&'static str, &'static [u32])],
    /// Other recipes to begin with, as places among the values: what earlier searches found.
    pub known: &'static [&'static [usize]],
    /// The file of a recipe's values; `None` for recipes that do not fit the budget or together.
    pub build: fn(&[u32], &Budget) -> Option<Vec<u8>>,
}

impl Kind {
    /// The values of a recipe.
    pub fn values(&self, recipe: &[usize]) -> Vec<u32> {
        self.ingredients.iter().zip(recipe).map(|((_, values), place)| values[*place % values.len()]).collect()
    }

    /// The recipes that a search begins with.
    pub fn starts(&self) -> Vec<Vec<usize>> {
        let first = vec![0; self.ingredients.len()];
        std::iter::once(first).chain(self.known.iter().map(|known| known.to_vec())).collect()
    }

    /// A recipe with up to three other ingredients.
    pub fn changed(&self, recipe: &[usize], random: &mut Random) -> Vec<usize> {
        let mut recipe = recipe.to_vec();
        for _ in 0..=random.below(3) {
            let place = random.below(recipe.len());
            recipe[place] = random.below(self.ingredients[place].1.len());
        }
        recipe
    }

    /// A recipe in words.
    pub fn describe(&self, recipe: &[usize]) -> String {
        let values = self.values(recipe);
        let words: Vec<String> =
            self.ingredients.iter().zip(values).map(|((name, _), value)| format!("{name} {value}")).collect();
        words.join(", ")
    }
}

/// Xorshift, so that the same seed makes the same files.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// Bytes of a fill: 0 noise, 1 zeros, 2 ones, 3 a pattern of 4 bytes, 4 mostly zeros, 5 mostly ones.
    pub fn fill(&mut self, fill: u32, count: usize) -> Vec<u8> {
        let mut next = |index: usize| match fill {
            0 => self.below(256) as u8,
            1 => 0,
            2 => 0xff,
            3 => [0x12, 0x9a, 0x55, 0xe3][index % 4],
            _ => {
                let rare = if self.below(8) == 0 { self.below(256) as u8 } else { 0 };
                if fill == 4 { rare } else { !rare }
            }
        };
        (0..count).map(&mut next).collect()
    }
}

/// Bits, the lowest of each byte first.
#[derive(Default)]
pub struct LowBits {
    pub bytes: Vec<u8>,
    window: u64,
    ready: u32,
}

impl LowBits {
    /// At most 32 bits.
    pub fn push(&mut self, value: u32, count: u32) {
        self.window |= u64::from(value) << self.ready;
        self.ready += count;
        while self.ready >= 8 {
            self.bytes.push(self.window as u8);
            self.window >>= 8;
            self.ready -= 8;
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.push(0, 7);
        self.bytes
    }
}
