// What a saved picture says of how it was made: the text that `denoising/files.py` puts into a PNG, read and written.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make } = playground;
  const KEY = "generated", STATEMENT = "This picture was made by a generative model.";
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10], MOST = 1 << 20;

  /** The settings in a PNG's bytes (an ArrayBuffer); null where it carries none. */
  function madeBy(buffer) {
    const bytes = new Uint8Array(buffer), view = new DataView(buffer);
    if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) return null;
    for (let at = 8; at + 12 <= bytes.length; ) {
      const length = view.getUint32(at), type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      if (type === "IDAT" || type === "IEND" || at + 12 + length > bytes.length) return null;
      const found = type === "iTXt" && length < MOST ? text(bytes.subarray(at + 8, at + 8 + length)) : null;
      if (found !== null) return found;
      at += 12 + length;
    }
    return null;
  }

  /** An international text of ours: keyword 0 compressed method language 0 translated 0 text. */
  function text(data) {
    const name = data.indexOf(0), language = data.indexOf(0, name + 3), translated = data.indexOf(0, language + 1);
    if (name < 1 || language < 0 || translated < 0 || data[name + 1] !== 0) return null;
    const decoder = new TextDecoder();
    if (decoder.decode(data.subarray(0, name)) !== KEY) return null;
    try {
      const told = JSON.parse(decoder.decode(data.subarray(translated + 1)));
      return told && typeof told === "object" && !Array.isArray(told) ? told : null;
    } catch {
      return null;
    }
  }

  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });

  /** An international text as a chunk of a PNG. */
  function chunk(keyword, said) {
    const data = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${said}`), bytes = new Uint8Array(data.length + 8), view = new DataView(bytes.buffer);
    view.setUint32(0, data.length - 4);
    bytes.set(data, 4);
    view.setUint32(data.length + 4, ~data.reduce((crc, byte) => CRC[(crc ^ byte) & 255] ^ (crc >>> 8), -1));
    return bytes;
  }

  /** A PNG (an ArrayBuffer) with `about` and the statement that a model made it, as a Blob. */
  function signed(buffer, about) {
    const head = SIGNATURE.length + 25; // behind IHDR, which always comes first and has 13 bytes
    const said = [chunk(KEY, JSON.stringify({ ...about, statement: STATEMENT })), chunk("Comment", STATEMENT)];
    return new Blob([buffer.slice(0, head), ...said, buffer.slice(head)], { type: "image/png" });
  }

  /** Hands a canvas to the person as a PNG that says what made it. */
  async function save(canvas, name, about) {
    const model = String(about.model).split(/[\\/]/).pop(); // of a folder its name alone: not where it lies
    const told = { ...about, model: /^([\\/~]|[A-Za-z]:)/.test(String(about.model)) ? model : about.model };
    const drawn = await new Promise((done) => canvas.toBlob(done, "image/png"));
    if (drawn) playground.download(`${name}.png`, signed(await drawn.arrayBuffer(), told));
  }

  /** A picture that is shown, as a canvas `scale` times as wide, its pixels sharp. */
  function enlarged(image, width, height, scale) {
    const canvas = make("canvas", { width: width * scale, height: height * scale }), context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  Object.assign(playground, { madeBy, savePicture: save, enlarged });
})();
