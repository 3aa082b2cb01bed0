// The same resources as the assembly in argv[2], made by aws-cdk-lib in JavaScript without jsii: one CfnResource for each, in
// stages and stacks of the same names. No constructs of a higher level, no assets and no plugin: less work than ours.
const fs = require("fs");
const path = require("path");
const { App, CfnResource, Stack, Stage } = require("aws-cdk-lib");

const read = (...parts) => JSON.parse(fs.readFileSync(path.join(...parts), "utf8"));
const app = new App({ outdir: process.argv[3], context: JSON.parse(process.env.CDK_CONTEXT_JSON ?? "{}") });
const folder = process.argv[2];
for (const nested of Object.values(read(folder, "manifest.json").artifacts)) {
  if (nested.type !== "cdk:cloud-assembly") continue;
  const inside = path.join(folder, nested.properties.directoryName);
  let stage;
  for (const artifact of Object.values(read(inside, "manifest.json").artifacts)) {
    if (artifact.type !== "aws:cloudformation:stack") continue;
    const [environment, name] = artifact.displayName.split("/");
    const [account, region] = artifact.environment.slice("aws://".length).split("/");
    stage ??= new Stage(app, environment);
    const stack = new Stack(stage, name, { env: { account, region } });
    for (const [id, resource] of Object.entries(read(inside, artifact.properties.templateFile).Resources)) {
      new CfnResource(stack, id, { type: resource.Type, properties: resource.Properties ?? {} }).overrideLogicalId(id);
    }
  }
}
app.synth();
