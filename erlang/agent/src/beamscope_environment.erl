%% @doc What this node was started with and in: variables of the operating system, arguments, places.
-module(beamscope_environment).

-export([variables/1, started/1]).

-export_type([spec/0, started/0]).

-type spec() :: #{
    %% `bytes': of the value.
    sort := name | bytes,
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    %% Part of the name, in any case.
    contains => binary(),
    %% Names whose values are told; only these are listed.
    names => [binary()],
    'after' => binary()
}.
%% A row is `#{name := binary(), bytes := non_neg_integer(), value => binary()}'.

-type started() :: #{
    os_pid := binary(),
    host := binary(),
    %% `undefined' where it is gone.
    directory := binary() | undefined,
    %% Not where the code server was not idle or did not answer.
    code_paths => non_neg_integer(),
    %% Of the emulator, without its own name.
    emulator_flags := [binary()],
    %% `{Flag, Values}' of `init', in the order of the command line; `setcookie' without values. Neither of these where
    %% `init' was not idle or did not answer.
    arguments => [{atom(), [binary()]}],
    plain_arguments => non_neg_integer(),
    %% Who did not answer in time, and `left' where one of them still has the request.
    incomplete := [code_server | init | left]
}.

-include("beamscope_listing.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").

%% Milliseconds for those who are asked.
-define(PATIENCE, 500).

%% @doc A page of the environment variables.
-spec variables(spec()) -> binary().
variables(Spec) ->
    Variables = maps:from_list([split(Text) || Text <- os:getenv()]),
    Reveals = is_map_key(names, Spec),
    Named =
        case Spec of
            #{names := Names} -> maps:keys(maps:with(Names, Variables));
            _ -> maps:keys(Variables)
        end,
    Matching =
        case Spec of
            #{contains := Part} -> [Name || Name <- Named, contains(Name, Part)];
            _ -> Named
        end,
    Read = fun({_, Name}) ->
        Value = map_get(Name, Variables),
        Row = #{name => Name, bytes => byte_size(Value)},
        case Reveals of
            true -> Row#{value => Value};
            false -> Row
        end
    end,
    Keys =
        case Spec of
            #{sort := name} -> [{Name, Name} || Name <- Matching];
            #{sort := bytes} -> [{byte_size(map_get(Name, Variables)), Name} || Name <- Matching]
        end,
    listed(Keys, Read, Spec, {map_size(Variables), []}).

%% A name may begin with the sign (on Windows).
split([First | Text]) ->
    {Rest, Value} = lists:splitwith(fun(Character) -> Character =/= $= end, Text),
    {text([First | Rest]), text(lists:nthtail(min(1, length(Value)), Value))}.

text(Characters) ->
    case unicode:characters_to_binary(Characters) of
        Text when is_binary(Text) -> Text;
        _ -> iolist_to_binary(io_lib:format("~w", [Characters]))
    end.

%% @doc A packed `started()'.
-spec started(#{}) -> binary().
started(#{}) ->
    %% Neither by way of the file server, which may be busy, nor by way of inet's.
    {ok, Host} = inet:gethostname(),
    Flags = lists:takewhile(fun(Flag) -> Flag =/= "--" end, tl(erlang:system_info(emu_args))),
    {Paths, Unplaced} = told_by(
        [whereis(code_server)], ?PATIENCE, fun() -> #{code_paths => length(code:get_path())} end, {#{}, code_server}
    ),
    {Arguments, Mute} = told_by([whereis(init)], ?PATIENCE, fun arguments/0, {#{}, init}),
    packed((maps:merge(Paths, Arguments))#{
        os_pid => text(os:getpid()),
        host => text(Host),
        directory =>
            case prim_file:get_cwd() of
                {ok, Directory} -> text(Directory);
                {error, _} -> undefined
            end,
        emulator_flags => [text(Flag) || Flag <- Flags],
        incomplete => lists:usort(Unplaced ++ Mute)
    }).

arguments() ->
    #{
        arguments => [
            {Flag, [text(Value) || Value <- Values, Flag =/= setcookie]}
         || {Flag, Values} <- init:get_arguments()
        ],
        plain_arguments => length(init:get_plain_arguments())
    }.
