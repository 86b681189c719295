// Measures the llama.cpp inside the npm package node-llama-cpp; flags and fields are llama-bench's:
//
//     node node_llama_bench.mjs --package DIR -m FILE [-p 0] [-n 128] [-d 0] [-t 1] [-r 5]
//                               [-fa 0|1|auto] [-o json]
//
// DIR holds node_modules/node-llama-cpp. With -n it adds token_p50_us, token_p99_us, token_max_us.
//
// How faithful: a token is llama_decode, run on a worker thread of Node's, and the way there and
// back, 60 to 100 µs: nothing beside a model of a gigabyte, a tenth of one of 15 million
// parameters. The package attaches no thread pool, so with -t 2 and more its llama.cpp starts and
// joins threads for each token, and is slow on a busy machine. For those measure llama.cpp without Node
// (llama-bench, llama_token_times.cc). Sampling is not measured.
import fs from "node:fs";
import path from "node:path";
import {pathToFileURL} from "node:url";

const BATCH_TOKENS = 512; // what llama-bench computes at once (-ub)

function fail(status, message) {
    console.error(`node_llama_bench: ${message}`);
    process.exit(status);
}

function parseOptions(args) {
    const options = {p: 0, n: 128, d: 0, t: 1, r: 5, fa: "auto"};
    for (let i = 0; i < args.length; i += 2) {
        const [flag, value] = [args[i], args[i + 1]];
        const name = flag.replace(/^--?/, "");
        if (value === undefined) fail(2, `${flag} wants a value`);
        if (/^-[pndtr]$/.test(flag)) {
            if (!/^[0-9]{1,9}$/.test(value)) fail(2, `cannot take ${flag} ${value}`);
            options[name] = Number(value);
        } else if (flag === "-m" || flag === "--package") {
            options[name] = value;
        } else if (flag === "-fa" && ["0", "1", "auto"].includes(value)) {
            options.fa = value;
        } else if (!(flag === "-o" && value === "json")) {
            fail(2, `cannot take ${flag} ${value}`);
        }
    }
    if (!options.package || !options.m) fail(2, "wants --package DIR and -m FILE");
    if (options.p + options.n === 0) fail(2, "wants -p or -n above 0");
    if (options.t === 0 || options.r === 0) fail(2, "wants -t and -r above 0");
    return options;
}

async function importPackage(directory) {
    const root = path.resolve(directory, "node_modules", "node-llama-cpp");
    const manifest = path.join(root, "package.json");
    if (!fs.existsSync(manifest)) {
        fail(1, `${root}: no such package; npm i node-llama-cpp brings it`);
    }
    const {version} = JSON.parse(fs.readFileSync(manifest, "utf8"));
    const module = await import(pathToFileURL(path.join(root, "dist", "index.js")));
    return {...module, version};
}

async function openModel(nodeLlama, options) {
    const llama = await nodeLlama.getLlama({gpu: false, build: "never", logLevel: "error"});
    const model = await llama.loadModel({modelPath: options.m, gpuLayers: 0, useMmap: true});
    const context = await model.createContext({
        contextSize: options.p + options.n + options.d,
        batchSize: BATCH_TOKENS,
        threads: options.t,
        flashAttention: options.fa === "auto" ? "auto" : options.fa === "1"
    });
    return {llama, model, context};
}

// Decodes on the addon's own object, which the package's queue of batches stands before.
class Decoder {
    constructor(model, context, threads) {
        this.addon = context._ctx;
        if (!this.addon?.decodeBatch) fail(1, "this version of node-llama-cpp has other internals");
        this.addon.setThreads(threads);
        this.vocabSize = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
        this.position = 0;
    }

    clear() {
        this.addon.disposeSequence(0);
        this.position = 0;
    }

    async decode(count) {
        while (count > 0) {
            const size = Math.min(count, BATCH_TOKENS);
            const tokens = new Uint32Array(size);
            for (let i = 0; i < size; i++) tokens[i] = Math.floor(Math.random() * this.vocabSize);
            this.addon.initBatch(size);
            this.addon.addToBatch(0, this.position, tokens, Uint32Array.of(size - 1));
            await this.addon.decodeBatch();
            this.position += size;
            count -= size;
        }
    }
}

async function measureRepetition(decoder, options, samples) {
    decoder.clear();
    await decoder.decode(options.d);
    const start = process.hrtime.bigint();
    await decoder.decode(options.p);
    for (let i = 0; i < options.n; i++) {
        const tokenStart = process.hrtime.bigint();
        await decoder.decode(1);
        samples.tokenUs.push(Number(process.hrtime.bigint() - tokenStart) / 1e3);
    }
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    samples.speeds.push((options.p + options.n) / seconds);
}

// The smallest sample that is not below a share `p` of all of them (nearest rank).
function percentile(sorted, p) {
    return sorted[Math.max(1, Math.ceil(p * sorted.length)) - 1];
}

function row(options, nodeLlama, model, samples) {
    const sorted = samples.tokenUs.sort((a, b) => a - b);
    const tokenTimes = sorted.length === 0 ? {} : {
        token_p50_us: percentile(sorted, 0.5),
        token_p99_us: percentile(sorted, 0.99),
        token_max_us: sorted[sorted.length - 1]
    };
    return {
        build_commit: `node-llama-cpp ${nodeLlama.version}`,
        model_filename: options.m,
        model_type: model.typeDescription,
        model_size: model.size,
        n_threads: options.t,
        flash_attn: {"0": 0, "1": 1, "auto": -1}[options.fa],
        n_prompt: options.p,
        n_gen: options.n,
        n_depth: options.d,
        avg_ts: samples.speeds.reduce((a, b) => a + b) / samples.speeds.length,
        samples_ts: samples.speeds,
        ...tokenTimes
    };
}

const options = parseOptions(process.argv.slice(2));
try {
    const nodeLlama = await importPackage(options.package);
    const {llama, model, context} = await openModel(nodeLlama, options);
    const decoder = new Decoder(model, context, options.t);
    await measureRepetition(decoder, options, {speeds: [], tokenUs: []}); // warms up
    const samples = {speeds: [], tokenUs: []};
    for (let i = 0; i < options.r; i++) await measureRepetition(decoder, options, samples);
    console.log(JSON.stringify([row(options, nodeLlama, model, samples)], null, 2));
    await llama.dispose();
} catch (error) {
    fail(1, `${options.m}: ${error.message}`);
}
