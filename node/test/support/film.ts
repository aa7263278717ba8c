/** A film for Chromium's fake camera: uncompressed YUV4MPEG2 (https://wiki.multimedia.cx/index.php/YUV4MPEG2). */

const [WIDTH, HEIGHT] = [160, 120];

/** One wave across a frame, each of another colour, width and place. */
export function filmOfWaves(frames: number, perSecond: number): Buffer {
  const header = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${perSecond}:1 Ip A1:1 C420jpeg\n`);
  return Buffer.concat([header, ...Array.from({ length: frames }, (_, number) => frame(number))]);
}

function frame(number: number): Buffer {
  const width = 10 + 3 * (number % 5);
  const row = Uint8Array.from({ length: WIDTH }, (_, x) => 127 + 120 * Math.sin((x + 23 * number) / width));
  const luma = Array.from({ length: HEIGHT }, () => row);
  const chroma = (value: number) => Buffer.alloc((WIDTH * HEIGHT) / 4, value);
  return Buffer.concat([
    Buffer.from("FRAME\n"),
    ...luma,
    chroma(60 + ((37 * number) % 140)),
    chroma(190 - ((53 * number) % 140)),
  ]);
}
