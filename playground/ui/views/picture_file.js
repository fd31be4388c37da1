// What a saved picture says of how it was made: the text that `denoising/files.py` puts into a PNG.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const KEY = "generated", SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10], MOST = 1 << 20;

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

  playground.madeBy = madeBy;
})();
