// PNG files, row by row: what a canvas writes has its colours changed where pixels are transparent,
// and in some browsers everywhere.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const UP = 2; // filter: the difference to the pixel above

/**
 * Write a picture as a PNG file.
 *
 * @param {import("./picture.js").Size} size
 * @param {boolean} opaque Write no opacity.
 * @param {Iterable<Uint8ClampedArray>} strips RGBA of whole rows, from the top.
 * @returns {Promise<Blob>}
 */
export async function pngOf([height, width], opaque, strips) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  new Uint8Array(header.buffer).set([8, opaque ? 2 : 6], 8); // bits of a sample, kind of colour
  const packed = await deflated(filtered(width, opaque ? 3 : 4, strips));
  return new Blob(
    [
      new Uint8Array(SIGNATURE),
      ...chunk("IHDR", new Uint8Array(header.buffer)),
      ...chunk("sRGB", new Uint8Array(1)),
      ...chunk("IDAT", packed),
      ...chunk("IEND", new Uint8Array(0)),
    ],
    { type: "image/png" },
  );
}

/**
 * @param {number} width
 * @param {number} channels 3 or 4.
 * @param {Iterable<Uint8ClampedArray>} strips
 */
function* filtered(width, channels, strips) {
  let above = new Uint8Array(channels * width);
  for (const rgba of strips) {
    const rows = rgba.length / (4 * width);
    const lines = new Uint8Array(rows * (channels * width + 1));
    for (let row = 0, at = 0; row < rows; row++) {
      const line = new Uint8Array(channels * width);
      for (let column = 0, from = 4 * row * width; column < width; column++, from += 4) {
        for (let channel = 0; channel < channels; channel++) {
          line[column * channels + channel] = rgba[from + channel];
        }
      }
      lines[at++] = UP;
      for (let place = 0; place < line.length; place++) lines[at++] = line[place] - above[place];
      above = line;
    }
    yield lines;
  }
}

/**
 * Pack what comes piece by piece, as zlib does.
 *
 * @param {Iterable<Uint8Array<ArrayBuffer>>} pieces
 */
async function deflated(pieces) {
  const packer = new CompressionStream("deflate");
  const packed = new Response(packer.readable).arrayBuffer();
  const writer = packer.writable.getWriter();
  for (const piece of pieces) {
    await writer.ready;
    void writer.write(piece);
  }
  await writer.close();
  return new Uint8Array(await packed);
}

/**
 * @param {string} kind Four letters.
 * @param {Uint8Array<ArrayBuffer>} content
 */
function chunk(kind, content) {
  const name = new TextEncoder().encode(kind);
  const length = new DataView(new ArrayBuffer(4));
  const check = new DataView(new ArrayBuffer(4));
  length.setUint32(0, content.length);
  check.setUint32(0, ~checksum(content, checksum(name, -1)));
  return [length, name, content, check];
}

/** @type {Int32Array | undefined} */
let table;

/**
 * CRC-32 as PNG wants it, before its last negation.
 *
 * @param {Uint8Array} bytes
 * @param {number} before
 */
function checksum(bytes, before) {
  table ??= Int32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
    return byte;
  });
  let sum = before;
  for (let at = 0; at < bytes.length; at++) sum = table[(sum ^ bytes[at]) & 255] ^ (sum >>> 8);
  return sum;
}
