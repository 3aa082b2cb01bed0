// The backup format once more, in JavaScript: age by its author's own implementation, zstd by Node.
//   node interop.mjs open IDENTITY < backup.enc > backup.tar
//   node interop.mjs seal RECIPIENT... < backup.tar > backup.enc
//   node interop.mjs unlock PASSPHRASE < kit.txt > key.txt
//   node interop.mjs lock PASSPHRASE LOG_N < key.txt > kit.txt
import { armor, Decrypter, Encrypter } from "age-encryption";
import { readFileSync, writeSync } from "node:fs";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

const [task, ...names] = process.argv.slice(2);
const input = new Uint8Array(readFileSync(0));

function write(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

if (task === "open") {
  const decrypter = new Decrypter();
  decrypter.addIdentity(names[0]);
  write(zstdDecompressSync(await decrypter.decrypt(input)));
} else if (task === "seal") {
  const encrypter = new Encrypter();
  names.forEach((name) => encrypter.addRecipient(name));
  write(await encrypter.encrypt(zstdCompressSync(input)));
} else if (task === "unlock") {
  const text = new TextDecoder().decode(input);
  const decrypter = new Decrypter();
  decrypter.addPassphrase(names[0]);
  write(await decrypter.decrypt(armor.decode(text.slice(text.indexOf("-----BEGIN AGE"), text.lastIndexOf("-----") + 5))));
} else {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(names[0]);
  encrypter.setScryptWorkFactor(Number(names[1]));
  write(new TextEncoder().encode(armor.encode(await encrypter.encrypt(input))));
}
