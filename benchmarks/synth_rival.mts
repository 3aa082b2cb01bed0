// The same resources as the assembly in argv[2], made by aws-cdk-lib in TypeScript without jsii: one CfnResource for each,
// in stages and stacks of the same names. No constructs of a higher level, no assets and no plugin: less work than ours.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import cdk from "aws-cdk-lib";

interface Artifact {
  readonly type: string;
  readonly displayName: string;
  readonly environment: string;
  readonly properties: { readonly directoryName: string; readonly templateFile: string };
}
interface Manifest {
  readonly artifacts: Readonly<Record<string, Artifact>>;
}
interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>>;
}

function read<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(join(...parts), "utf8")) as T;
}

const [, , folder, outdir] = process.argv;
if (folder === undefined || outdir === undefined) throw new Error("expected the assembly and the folder to write");
const app = new cdk.App({ outdir, context: JSON.parse(process.env.CDK_CONTEXT_JSON ?? "{}") as Record<string, unknown> });
for (const nested of Object.values(read<Manifest>(folder, "manifest.json").artifacts)) {
  if (nested.type !== "cdk:cloud-assembly") continue;
  const inside = join(folder, nested.properties.directoryName);
  let stage: cdk.Stage | undefined;
  for (const artifact of Object.values(read<Manifest>(inside, "manifest.json").artifacts)) {
    if (artifact.type !== "aws:cloudformation:stack") continue;
    const [environment = "", name = ""] = artifact.displayName.split("/");
    const [account, region] = artifact.environment.slice("aws://".length).split("/");
    stage ??= new cdk.Stage(app, environment);
    const stack = new cdk.Stack(stage, name, { env: { account, region } });
    const { Resources } = read<Template>(inside, artifact.properties.templateFile);
    for (const [id, { Type: type, Properties: properties = {} }] of Object.entries(Resources)) {
      new cdk.CfnResource(stack, id, { type, properties }).overrideLogicalId(id);
    }
  }
}
app.synth();
