// What a PouchDB at a branch does for a sync: replicate the documents of its store to a CouchDB-like server.
// Arguments: the folder of the local store, the server's address, a file of documents (a JSON array), the file of
// their changes. Prints {"first_load": seconds, "updates": seconds}.
const fs = require("node:fs");
const PouchDB = require("pouchdb");

const [folder, server, documents, changes] = process.argv.slice(2);

async function timed(work) {
  const started = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - started) / 1e9;
}

async function sent(branch, expected) {
  const result = await branch.replicate.to(server, { batch_size: 1000, batches_limit: 10 });
  if (!result.ok || result.docs_written !== expected) {
    throw new Error(`${result.docs_written} of ${expected} documents were written`);
  }
}

async function main() {
  const branch = new PouchDB(folder);
  const rows = JSON.parse(fs.readFileSync(documents));
  const revisions = await branch.bulkDocs(rows);
  const firstLoad = await timed(() => sent(branch, rows.length));
  const kept = new Map(revisions.map(({ id, rev }) => [id, rev]));
  const changed = JSON.parse(fs.readFileSync(changes)).map((row) => ({ ...row, _rev: kept.get(row._id) }));
  await branch.bulkDocs(changed);
  const updates = await timed(() => sent(branch, changed.length));
  console.log(JSON.stringify({ first_load: firstLoad, updates }));
}

main();
