// The shapes of what the API sends and takes, as far as the console reads them.

/** @typedef {Object<string, any>} Json */
/** @typedef {{name?: string, type?: number, property?: Json, attributes?: Json[]}} Label A label of a dataset. */
/** @typedef {{name?: string, type?: number, id?: string, score?: number, annotated_by?: string, property?: Json}} SampleLabel */
/**
 * @typedef {object} Sample
 * @property {string} sample_id
 * @property {string} [sample_name]
 * @property {number} [sample_type]
 * @property {string} [sample_status] UN_ANNOTATION, MANUAL_ANNOTATION or AUTO_ANNOTATION
 * @property {string} [source] A signed URL, or `content://` and a text
 * @property {string} [preview]
 * @property {(string | null)[]} [sample_data] The cells of a row; null where a value does not fit its column
 * @property {SampleLabel[]} [labels]
 * @property {Json} [metadata]
 */
/** @typedef {{labels: SampleLabel[], metadata: Json, withMetadata?: boolean}} State What an edit replaces: the labels and, where it says so, the hard-example members of the metadata. */
/** @typedef {{id: string, dataset: Json, labels: Label[], reload: () => Promise<boolean>}} Context A dataset that is open. */

export const SHAPE = "@modelarts:shape";
export const FEATURE = "@modelarts:feature";
export const SHORTCUT = "@modelarts:shortcut";
export const COLOUR = "@modelarts:color";
export const HARD = "@modelarts:hard";
export const HARD_REASONS = "@modelarts:hard_reasons";
export const SIZE = "@modelarts:size";
export const START_INDEX = "@modelarts:start_index";
export const END_INDEX = "@modelarts:end_index";
export const START_TIME = "@modelarts:start_time";
export const END_TIME = "@modelarts:end_time";
export const CONTENT = "@modelarts:content";
export const SPEAKER = "@modelarts:source";
export const FROM = "@modelarts:from";
export const TO = "@modelarts:to";
export const FROM_TYPE = "@modelarts:from_type";
export const TO_TYPE = "@modelarts:to_type";
